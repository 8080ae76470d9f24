//! One train in the making: which packet begins it, which goes on, and the frame it becomes.
//!
//! The next header of a train is known in advance, all of it but the checksum of TCP or UDP. So a
//! packet is compared with it as bytes, and all the rules are one comparison.
//!
//! A train must not hide a wrong checksum (docs/decisions/0005):
//!
//! * UDP is verified packet by packet, since UDP trains must be written with a partial checksum,
//!   which nobody verifies any more.
//! * TCP is written with a full checksum for the whole train, made from the checksums that its
//!   segments claim and never from their bytes. So the kernel, which sums the bytes, finds a train
//!   with a wrong segment wrong.

use std::ops::Range;

use crate::checksum::{complement, is_zero, negative, reduce, sum};
use crate::headers::{
    ACK, CWR, DONT_FRAGMENT, FIN, FLAGS, IPV4_HEADER, IPV6_HEADER, PSH, RST, SEQUENCE, SYN, TCP,
    TCP_CHECK, TCP_HEADER, UDP, UDP_CHECK, UDP_HEADER, URG, long, set_long, set_word, version,
    word,
};
use crate::virtio::{self, Header};

/// What the length of a train must fit into.
const MAX_LENGTH: usize = 65535;
/// What every kernel that takes UDP trains accepts in one.
const MAX_UDP_SEGMENTS: usize = 64;
/// As many payloads as `writev` takes in one call (`IOV_MAX`), less the head.
const MAX_PAYLOADS: usize = 1023;
/// IPv6 and a TCP header with all its options.
const MAX_HEADER: usize = IPV6_HEADER + 60;

/// Where a packet lies in a buffer: its first byte and the one after its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// Returns it as what a slice is indexed with.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Returns the span without its first `count` bytes, which it has.
    fn without(self, count: usize) -> Self {
        Self { start: self.start + count as u32, end: self.end }
    }
}

/// Where the fields of one kind of header lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    tcp: bool,
    /// Where TCP or UDP begins: 20 for IPv4, 40 for IPv6.
    start: usize,
    /// Bytes of all headers.
    header: usize,
}

impl Shape {
    /// What no packet has: of a frame that is one packet.
    const NONE: Self = Self { tcp: false, start: 0, header: 0 };

    /// Returns the shape of a packet that trains are made of, or `None`.
    pub(crate) fn of(packet: &[u8], tso: bool, uso: bool) -> Option<Self> {
        let size = packet.len();
        let (start, protocol) = if size > IPV4_HEADER && packet[0] == 0x45 {
            let whole = usize::from(word(packet, 2)) == size;
            if !whole || word(packet, 6) & !DONT_FRAGMENT != 0 {
                return None;
            }
            (IPV4_HEADER, packet[9])
        } else if size > IPV6_HEADER && version(packet) == 6 {
            if usize::from(word(packet, 4)) + IPV6_HEADER != size {
                return None;
            }
            (IPV6_HEADER, packet[6])
        } else {
            return None;
        };
        let header = match protocol {
            TCP if tso && size >= start + TCP_HEADER => {
                let header = start + 4 * usize::from(packet[start + 12] >> 4);
                (start + TCP_HEADER <= header && header <= size).then_some(header)?
            }
            UDP if uso && size >= start + UDP_HEADER => start + UDP_HEADER,
            _ => return None,
        };
        Some(Self { tcp: protocol == TCP, start, header })
    }

    pub(crate) fn is_tcp(self) -> bool {
        self.tcp
    }

    pub(crate) fn is_four(self) -> bool {
        self.start == IPV4_HEADER
    }

    /// Where the addresses and ports of a packet are.
    pub(crate) fn flow(self) -> Range<usize> {
        let addresses = if self.is_four() { 12 } else { 8 };
        addresses..self.start + 4
    }

    /// Where the checksum of TCP or UDP is.
    fn check(self) -> usize {
        self.start + if self.tcp { TCP_CHECK } else { UDP_CHECK }
    }

    /// Returns the sum of the pseudo header of a packet of `length` bytes.
    fn pseudo_sum(self, packet: &[u8], length: usize) -> u64 {
        let addresses = self.flow().start..self.start;
        let protocol = if self.tcp { TCP } else { UDP };
        sum(&packet[addresses]) + u64::from(protocol) + (length - self.start) as u64
    }

    /// Returns what, with the payload, adds up to 0 if the checksum is right.
    fn claim(self, packet: &[u8]) -> u64 {
        self.pseudo_sum(packet, packet.len()) + sum(&packet[self.start..self.header])
    }

    /// Whether UDP's own length agrees with IP's, and its checksum is right.
    fn is_sound_udp(self, packet: &[u8]) -> bool {
        usize::from(word(packet, self.start + 4)) == packet.len() - self.start
            && is_zero(self.claim(packet) + sum(&packet[self.header..]))
    }

    /// Returns the type of a train of such packets.
    fn gso(self) -> u8 {
        match (self.tcp, self.is_four()) {
            (false, _) => virtio::GSO_UDP_L4,
            (true, true) => virtio::GSO_TCPV4,
            (true, false) => virtio::GSO_TCPV6,
        }
    }

    /// Writes the length of the whole wherever a header tells it, and the checksum of IPv4.
    fn set_length(self, header: &mut [u8], length: usize) {
        if self.is_four() {
            set_word(header, 2, length as u16);
            set_word(header, 10, 0);
            let check = complement(sum(&header[..IPV4_HEADER]));
            set_word(header, 10, check);
        } else {
            set_word(header, 4, (length - IPV6_HEADER) as u16);
        }
        if !self.tcp {
            set_word(header, self.start + 4, (length - self.start) as u16);
        }
    }

    fn has_wrong_ipv4_checksum(self, packet: &[u8]) -> bool {
        self.is_four() && !is_zero(sum(&packet[..IPV4_HEADER]))
    }
}

/// The header that the next packet of a train has, all but the checksum of TCP or UDP.
#[derive(Debug)]
struct Next {
    bytes: [u8; MAX_HEADER],
    /// What identification grows by from packet to packet, 0 or 1; IPv4's checksum shrinks by it.
    step: u16,
    /// What TCP's sequence number grows by.
    payload: u32,
}

impl Next {
    /// Sets the header to that of the packet after `first`.
    fn follow(&mut self, shape: Shape, first: &[u8]) {
        self.bytes[..shape.header].copy_from_slice(&first[..shape.header]);
        self.step = 1;
        self.payload = (first.len() - shape.header) as u32;
        if shape.tcp {
            self.bytes[shape.start + FLAGS] &= !CWR;
        }
        self.advance(shape);
    }

    /// Sets the header to that of the packet after.
    fn advance(&mut self, shape: Shape) {
        if shape.tcp {
            let at = shape.start + SEQUENCE;
            let sequence = long(&self.bytes, at).wrapping_add(self.payload);
            set_long(&mut self.bytes, at, sequence);
        }
        if shape.is_four() {
            self.count(self.step);
        }
    }

    /// Lets the identification of IPv4 grow by `step`, and the checksum shrink as it does then.
    fn count(&mut self, step: u16) {
        let identification = word(&self.bytes, 4).wrapping_add(step);
        let check = word(&self.bytes, 10).wrapping_sub(step);
        set_word(&mut self.bytes, 4, identification);
        set_word(&mut self.bytes, 10, check);
    }

    /// Lets the identification stand still if the second packet has that of the first, as it may
    /// where nothing may be fragmented.
    fn follow_second(&mut self, shape: Shape, packet: &[u8]) {
        let is_fixed = word(packet, 4) == word(&self.bytes, 4).wrapping_sub(1);
        if shape.is_four() && is_fixed && word(packet, 6) & DONT_FRAGMENT != 0 {
            self.count(u16::MAX);
            self.step = 0;
        }
    }

    /// Whether a packet of full size has this header.
    fn is_of(&self, shape: Shape, packet: &[u8]) -> bool {
        let check = shape.check();
        packet[..check] == self.bytes[..check]
            && packet[check + 2..shape.header] == self.bytes[check + 2..shape.header]
    }

    /// Whether a packet has this header but for what a shorter last one changes, and PSH and FIN.
    fn is_like(&self, shape: Shape, packet: &[u8]) -> bool {
        let mut theirs = [0; MAX_HEADER];
        let theirs = &mut theirs[..shape.header];
        theirs.copy_from_slice(&packet[..shape.header]);
        let mut adopt = |at: usize| theirs[at..at + 2].copy_from_slice(&self.bytes[at..at + 2]);
        adopt(shape.check());
        if shape.is_four() {
            adopt(2);
            adopt(10);
        } else {
            adopt(4);
        }
        if shape.tcp {
            let flags = &mut theirs[shape.start + FLAGS];
            *flags = *flags & !(FIN | PSH) | self.bytes[shape.start + FLAGS] & (FIN | PSH);
        } else {
            adopt(shape.start + 4);
        }
        *theirs == self.bytes[..shape.header]
    }
}

/// What one write takes: a head, then one packet or the payloads of a train.
///
/// The packets themselves are left as they are, so a train that is refused can go one by one.
#[derive(Debug)]
pub struct Frame {
    shape: Shape,
    packets: Vec<Span>,
    /// How many more packets it takes; at 0 it is closed.
    room: usize,
    /// Bytes of a packet that is not the last.
    size: usize,
    next: Next,
    /// Sums of all [`Shape::claim`]s of TCP: those of every second packet, and of the others.
    claims: [u64; 2],
    /// The claim of a packet of full size without sequence number and checksum.
    claim: u64,
    /// FIN and PSH of the last packet.
    last_flags: u8,
    head: [u8; virtio::SIZE + MAX_HEADER],
    head_length: usize,
}

impl Frame {
    /// Returns a frame to be made one with [`Frame::begin`] or [`Frame::hold`].
    pub(crate) fn new() -> Self {
        Self {
            shape: Shape::NONE,
            packets: Vec::new(),
            room: 0,
            size: 0,
            next: Next { bytes: [0; MAX_HEADER], step: 0, payload: 0 },
            claims: [0; 2],
            claim: 0,
            last_flags: 0,
            head: [0; virtio::SIZE + MAX_HEADER],
            head_length: virtio::SIZE,
        }
    }

    /// Returns what precedes the payloads: a virtio header, and of a train one header for all.
    pub fn head(&self) -> &[u8] {
        &self.head[..self.head_length]
    }

    /// Returns where the payloads lie, in order; of one packet alone, where it lies itself.
    pub fn payloads(&self) -> impl ExactSizeIterator<Item = Span> + '_ {
        let header = if self.is_train() { self.shape.header } else { 0 };
        self.packets.iter().map(move |packet| packet.without(header))
    }

    /// Returns where the packets lie that it is made of, at least one.
    pub fn packets(&self) -> &[Span] {
        &self.packets
    }

    /// Whether it has more than one packet.
    pub fn is_train(&self) -> bool {
        self.packets.len() > 1
    }

    /// Makes it a frame of one packet that nothing joins.
    pub(crate) fn hold(&mut self, span: Span) {
        self.packets.clear();
        self.packets.push(span);
        self.close();
    }

    /// Takes no more packets.
    pub(crate) fn close(&mut self) {
        self.room = 0;
    }

    /// Whether it takes more packets.
    pub(crate) fn is_open(&self) -> bool {
        self.room > 0
    }

    /// Makes it a frame that begins with a packet; false if none may.
    pub(crate) fn begin(&mut self, shape: Shape, packet: &[u8], span: Span) -> bool {
        let payload = packet.len() - shape.header;
        if payload == 0 || shape.has_wrong_ipv4_checksum(packet) {
            return false;
        }
        self.claims = [0; 2];
        if shape.tcp {
            let flags = packet[shape.start + FLAGS];
            if flags & (FIN | SYN | RST | PSH | ACK | URG) != ACK {
                return false;
            }
            let claim = shape.claim(packet);
            let sequence = long(packet, shape.start + SEQUENCE);
            self.claims[0] = claim;
            self.claim = claim
                + negative((sequence >> 16) as u16)
                + negative(sequence as u16)
                + negative(u16::from(flags & CWR))
                + negative(word(packet, shape.check()));
        } else if word(packet, shape.check()) == 0 || !shape.is_sound_udp(packet) {
            return false;
        }
        self.shape = shape;
        self.size = packet.len();
        self.room = room(shape, packet, payload);
        self.last_flags = 0;
        self.next.follow(shape, packet);
        self.packets.clear();
        self.packets.push(span);
        true
    }

    /// Whether the packet joined as one more of full size.
    #[inline]
    pub(crate) fn goes_on(&mut self, packet: &[u8], span: Span) -> bool {
        let shape = self.shape;
        if packet.len() != self.size || self.room == 0 || !self.next.is_of(shape, packet) {
            return false;
        }
        if shape.tcp {
            let sequence = long(packet, shape.start + SEQUENCE);
            let check = word(packet, shape.check());
            let claim = self.claim + u64::from(sequence) + u64::from(check);
            self.claims[self.packets.len() & 1] += claim;
        } else if !shape.is_sound_udp(packet) {
            return false;
        }
        self.next.advance(shape);
        self.room -= 1;
        self.packets.push(span);
        true
    }

    /// Whether the packet joined, as one more of full size or as the last.
    pub(crate) fn takes(&mut self, shape: Shape, packet: &[u8], span: Span) -> bool {
        if shape != self.shape || packet.len() <= shape.header || self.size < packet.len() {
            return false;
        }
        if !self.is_train() {
            self.next.follow_second(shape, packet);
        }
        self.goes_on(packet, span) || self.ends_with(packet, span)
    }

    /// Whether the packet joined as the last.
    fn ends_with(&mut self, packet: &[u8], span: Span) -> bool {
        let shape = self.shape;
        if !self.next.is_like(shape, packet) || shape.has_wrong_ipv4_checksum(packet) {
            return false;
        }
        if shape.tcp {
            self.claims[self.packets.len() & 1] += shape.claim(packet);
            self.last_flags = packet[shape.start + FLAGS] & (FIN | PSH);
        } else if !shape.is_sound_udp(packet) {
            return false;
        }
        self.room = 0;
        self.packets.push(span);
        true
    }

    /// Writes the head, once all packets have joined; `buffer` is what they lie in.
    pub(crate) fn finish(&mut self, buffer: &[u8]) {
        if !self.is_train() {
            self.head[..virtio::SIZE].copy_from_slice(&virtio::NO_OFFLOAD);
            self.head_length = virtio::SIZE;
            return;
        }
        let shape = self.shape;
        let first = &buffer[self.packets[0].range()];
        let (hint, head) = self.head.split_at_mut(virtio::SIZE);
        let head = &mut head[..shape.header];
        head.copy_from_slice(&first[..shape.header]);
        let mss = self.size - shape.header;
        let last = self.packets[self.packets.len() - 1].range().len();
        let length = self.size + (self.packets.len() - 2) * mss + last - shape.header;
        shape.set_length(head, length);
        let pseudo = shape.pseudo_sum(head, length);
        let mut header = Header {
            gso: shape.gso(),
            header_length: shape.header as u16,
            gso_size: mss as u16,
            ..Header::default()
        };
        if shape.tcp {
            head[shape.start + FLAGS] |= self.last_flags;
            if head[shape.start + FLAGS] & CWR != 0 {
                header.gso |= virtio::GSO_ECN;
            }
            set_word(head, shape.check(), 0);
            let payloads = claimed_sum(self.claims, mss);
            let check = complement(pseudo + sum(&head[shape.start..]) + payloads);
            set_word(head, shape.check(), check);
        } else {
            set_word(head, shape.check(), reduce(pseudo));
            header.flags = virtio::NEEDS_CSUM;
            header.csum_start = shape.start as u16;
            header.csum_offset = UDP_CHECK as u16;
        }
        hint.copy_from_slice(&header.to_bytes());
        self.head_length = virtio::SIZE + shape.header;
    }
}

/// Returns the sum of all payloads of a train, each of `mss` bytes but the last, as claimed.
///
/// A claim and its payload add up to 0, so the payload is the claim's negative. Where payloads are
/// odd, every second one begins in the middle of a word.
fn claimed_sum(claims: [u64; 2], mss: usize) -> u64 {
    let [even, odd] = claims.map(|claim| u64::from(reduce(claim)));
    let odd = if mss & 1 == 1 { odd << 8 } else { odd };
    negative(reduce(even + odd))
}

/// Returns how many packets may follow the first until a length or a counted field overflows.
fn room(shape: Shape, packet: &[u8], payload: usize) -> usize {
    let fitting = MAX_LENGTH.saturating_sub(shape.header) / payload;
    let mut room = fitting.min(MAX_PAYLOADS).saturating_sub(1);
    if shape.tcp {
        let sequence = long(packet, shape.start + SEQUENCE);
        room = room.min((u32::MAX - sequence) as usize / payload);
    } else {
        room = room.min(MAX_UDP_SEGMENTS - 1);
    }
    if shape.is_four() {
        let (identification, check) = (word(packet, 4), word(packet, 10));
        room = room.min((u16::MAX - identification).min(check).into());
    }
    room
}
