//! Packets as a kernel would make them, field by field and slowly: the tests' own second opinion.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const PSH: u8 = 0x08;
pub const ACK: u8 = 0x10;
pub const URG: u8 = 0x20;
pub const ECE: u8 = 0x40;
pub const CWR: u8 = 0x80;

pub const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

/// RFC 1071, word by word.
pub fn internet_checksum(data: &[u8]) -> u16 {
    let mut total: u32 = 0;
    for pair in data.chunks(2) {
        total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        total = (total & 0xFFFF) + (total >> 16);
    }
    !(total as u16)
}

/// What the packets of one flow share.
#[derive(Clone, Debug)]
pub struct Flow {
    pub source: Vec<u8>,
    pub destination: Vec<u8>,
    pub tcp: bool,
    pub ports: (u16, u16),
    pub tos: u8,
    pub ttl: u8,
    pub dont_fragment: bool,
    pub acknowledged: u32,
    pub window: u16,
    pub options: Vec<u8>,
    /// Whether packets have an IPv6 extension header, or IPv4 options.
    pub extended: bool,
}

/// What stands at the beginning of a run of packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct First {
    pub sequence: u32,
    pub identification: u16,
    pub flags: u8,
}

impl First {
    pub fn flags(flags: u8) -> Self {
        Self { flags, ..Self::default() }
    }
}

impl Flow {
    fn v4(tcp: bool) -> Self {
        Self {
            source: vec![10, 0, 0, 1],
            destination: vec![10, 0, 0, 2],
            tcp,
            ports: (40000, 5201),
            tos: 0,
            ttl: 64,
            dont_fragment: true,
            acknowledged: 77,
            window: 501,
            options: TIMESTAMPS.to_vec(),
            extended: false,
        }
    }

    fn v6(tcp: bool) -> Self {
        let address = |last| [&[0xFD][..], &[0; 14], &[last]].concat();
        Self { source: address(1), destination: address(2), ..Self::v4(tcp) }
    }

    pub fn tcp4() -> Self {
        Self::v4(true)
    }

    pub fn tcp6() -> Self {
        Self::v6(true)
    }

    pub fn udp4() -> Self {
        Self::v4(false)
    }

    pub fn udp6() -> Self {
        Self::v6(false)
    }

    pub fn all() -> [Self; 4] {
        [Self::tcp4(), Self::tcp6(), Self::udp4(), Self::udp6()]
    }

    pub fn is_four(&self) -> bool {
        self.source.len() == 4
    }

    fn protocol(&self) -> u8 {
        if self.tcp { 6 } else { 17 }
    }

    pub fn pseudo_header(&self, length: usize) -> Vec<u8> {
        let mut made = [&self.source[..], &self.destination].concat();
        made.extend((length as u32).to_be_bytes());
        made.extend([0, 0, 0, self.protocol()]);
        made
    }

    pub fn ip_header(&self, length: usize, identification: u16) -> Vec<u8> {
        let ends = [&self.source[..], &self.destination].concat();
        if !self.is_four() {
            let extension: &[u8] =
                if self.extended { &[self.protocol(), 0, 0, 0, 0, 0, 0, 0] } else { &[] };
            let mut made = (6 << 28 | u32::from(self.tos) << 20 | 0x12345).to_be_bytes().to_vec();
            made.extend(((length + extension.len()) as u16).to_be_bytes());
            made.push(if self.extended { 60 } else { self.protocol() });
            made.push(self.ttl);
            return [&made[..], &ends, extension].concat();
        }
        let options: &[u8] = if self.extended { &[1; 8] } else { &[] };
        let header = 20 + options.len();
        let mut made = vec![0x40 | (header as u8 / 4), self.tos];
        made.extend(((header + length) as u16).to_be_bytes());
        made.extend(identification.to_be_bytes());
        made.extend([if self.dont_fragment { 0x40 } else { 0 }, 0, self.ttl, self.protocol()]);
        let check = internet_checksum(&[&made[..], &ends, options].concat());
        made.extend(check.to_be_bytes());
        [&made[..], &ends, options].concat()
    }

    pub fn transport(&self, payload: &[u8], first: First, check: u16) -> Vec<u8> {
        let mut made = self.ports.0.to_be_bytes().to_vec();
        made.extend(self.ports.1.to_be_bytes());
        if self.tcp {
            made.extend(first.sequence.to_be_bytes());
            made.extend(self.acknowledged.to_be_bytes());
            made.extend([(5 + self.options.len() as u8 / 4) << 4, first.flags]);
            made.extend(self.window.to_be_bytes());
            made.extend(check.to_be_bytes());
            made.extend([0, 0]);
            made.extend(&self.options);
        } else {
            made.extend((8 + payload.len() as u16).to_be_bytes());
            made.extend(check.to_be_bytes());
        }
        made.extend(payload);
        made
    }

    /// Returns one whole packet with its checksums.
    pub fn packet(&self, payload: &[u8], first: First) -> Vec<u8> {
        let bare = self.transport(payload, first, 0);
        let mut check = internet_checksum(&[self.pseudo_header(bare.len()), bare].concat());
        if !self.tcp && check == 0 {
            check = 0xFFFF;
        }
        let segment = self.transport(payload, first, check);
        [self.ip_header(segment.len(), first.identification), segment].concat()
    }

    /// Cuts the payload into packets of `mss`, as the sender's own stack would cut it.
    pub fn packets(&self, payload: &[u8], mss: usize, first: First) -> Vec<Vec<u8>> {
        let count = payload.len().div_ceil(mss);
        let cut = |(index, piece)| {
            let mut flags = first.flags;
            if index > 0 {
                flags &= !CWR;
            }
            if index + 1 < count {
                flags &= !(FIN | PSH);
            }
            let sequence = first.sequence.wrapping_add((index * mss) as u32);
            let identification = first.identification.wrapping_add(index as u16);
            self.packet(piece, First { sequence, identification, flags })
        };
        payload.chunks(mss).enumerate().map(cut).collect()
    }

    /// Makes one train of the same, with a virtio header and a partial checksum.
    pub fn train(&self, payload: &[u8], mss: usize, first: First) -> Vec<u8> {
        let length = self.transport(payload, first, 0).len();
        let partial = !internet_checksum(&self.pseudo_header(length));
        let segment = self.transport(payload, first, partial);
        let ip = self.ip_header(length, first.identification);
        let mut kind = match (self.tcp, self.is_four()) {
            (false, _) => 5,
            (true, true) => 1,
            (true, false) => 4,
        };
        if self.tcp && first.flags & CWR != 0 {
            kind |= 0x80;
        }
        let header = ip.len() + length - payload.len();
        let numbers = [header, mss, ip.len(), if self.tcp { 16 } else { 6 }];
        let numbers = numbers.map(|number| (number as u16).to_ne_bytes()).concat();
        [&[1, kind][..], &numbers, &ip, &segment].concat()
    }
}

/// Whether packets are equal; of an IPv4 checksum or TCP's both forms of zero are.
pub fn same_packets(ours: &[Vec<u8>], theirs: &[Vec<u8>]) -> bool {
    let normal = |packets: &[Vec<u8>]| packets.iter().map(|one| normal(one)).collect::<Vec<_>>();
    ours == theirs || normal(ours) == normal(theirs)
}

fn normal(packet: &[u8]) -> Vec<u8> {
    let mut data = packet.to_vec();
    let Some(first) = data.first() else { return data };
    let (start, protocol, network) = match first >> 4 {
        4 => (4 * usize::from(first & 15), data.get(9), Some(10)),
        _ if data.get(6) == Some(&60) => (48, data.get(40), None),
        _ => (40, data.get(6), None),
    };
    let transport = (protocol == Some(&6)).then_some(start + 16);
    for at in [network, transport].into_iter().flatten() {
        if data.get(at..at + 2) == Some(&[0xFF, 0xFF]) {
            data[at..at + 2].fill(0);
        }
    }
    data
}

/// Whether an IP packet without extension headers has the right length and checksums.
pub fn is_whole(packet: &[u8]) -> bool {
    let word = |at: usize| usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
    let (start, ends, protocol, length) = if packet[0] >> 4 == 4 {
        (20, 12..20, packet[9], word(2))
    } else {
        (40, 8..40, packet[6], word(4) + 40)
    };
    if start == 20 && !is_zero(internet_checksum(&packet[..20])) {
        return false;
    }
    let mut covered = packet[ends].to_vec();
    covered.extend((packet.len() as u32 - start as u32).to_be_bytes());
    covered.extend([0, 0, 0, protocol]);
    covered.extend(&packet[start..]);
    length == packet.len() && is_zero(internet_checksum(&covered))
}

/// Whether a checksum over all, its own field included, comes out as either form of zero.
pub fn is_zero(check: u16) -> bool {
    check == 0 || check == 0xFFFF
}

/// Any flow whose packets make trains.
pub fn flows() -> impl Strategy<Value = Flow> {
    let options = select(vec![vec![], TIMESTAMPS.to_vec(), vec![0; 40]]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (flags, any::<(u16, u16)>(), any::<(u8, u8)>(), any::<u32>(), options).prop_map(
        |((six, tcp, dont_fragment), ports, (tos, ttl), acknowledged, options)| Flow {
            ports,
            tos,
            ttl,
            dont_fragment,
            acknowledged,
            options,
            ..if six { Flow::v6(tcp) } else { Flow::v4(tcp) }
        },
    )
}

/// Any first packet, often with fields that are about to wrap around.
pub fn firsts() -> impl Strategy<Value = First> {
    let sequence = prop_oneof![any::<u32>(), u32::MAX - 6000..=u32::MAX];
    let identification = prop_oneof![any::<u16>(), 65500..=u16::MAX];
    let flags = select(vec![ACK, ACK | PSH, ACK | FIN | PSH, ACK | CWR, ACK | CWR | PSH | ECE]);
    (sequence, identification, flags).prop_map(|(sequence, identification, flags)| First {
        sequence,
        identification,
        flags,
    })
}

/// Any payload of 1 to `most` bytes, with much or little in it.
pub fn payloads(most: usize) -> impl Strategy<Value = Vec<u8>> {
    (vec(any::<u8>(), 1..300), 1..=most)
        .prop_map(|(seed, size)| seed.into_iter().cycle().take(size).collect())
}

/// Bytes of a packet or frame with some of them altered, cut short or replaced altogether.
pub fn mangled(sound: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let altered = (select(sound), vec((0_usize..100, any::<u8>()), 0..4), 0_usize..400).prop_map(
        |(mut bytes, changes, size)| {
            for (at, value) in changes {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes.truncate(size);
            bytes
        },
    );
    prop_oneof![vec(any::<u8>(), 0..120), altered]
}
