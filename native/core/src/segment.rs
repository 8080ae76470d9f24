//! Trains from the inner side, cut into the packets that they stand for.
//!
//! With offloads a TUN gives TCP and UDP as trains: one header and up to 64 KiB of payload (virtio
//! 1.2, 5.1.6.2; the header is in [`virtio`]). Each segment becomes a packet of its own, with the
//! header it would have had, IPv4 identification, checksums, TCP sequence number and flags included.
//!
//! A segment is written to the place where it is sealed: its payload is copied and summed in one
//! pass. Of the header's checksums all but what changes from segment to segment is summed once for
//! the train.

use std::error::Error;
use std::fmt;

use crate::checksum::{complement, copy_and_sum, negative, sum};
use crate::headers::{
    CWR, FIN, FLAGS, IPV4_HEADER, IPV6_HEADER, MORE_OR_OFFSET, PSH, SEQUENCE, TCP, TCP_CHECK,
    TCP_HEADER, UDP, UDP_CHECK, UDP_HEADER, long, set_long, set_word, version, word,
};
use crate::virtio::{self, Header};

/// The virtio header does not fit the packet behind it. Drop the packet and count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedTrain(&'static str);

impl fmt::Display for MalformedTrain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl Error for MalformedTrain {}

/// One packet or train as read from the inner side, checked.
///
/// It does not hold the packet's bytes: they are given again to [`Train::write`].
#[derive(Clone, Copy, Debug)]
pub struct Train {
    count: usize,
    length: usize,
    last_length: usize,
    cut: Option<Cut>,
}

/// How a train is cut.
#[derive(Clone, Copy, Debug)]
struct Cut {
    tcp: bool,
    four: bool,
    /// Where TCP or UDP begins.
    start: usize,
    /// Bytes of all headers.
    header: usize,
    /// Payload bytes of each segment but the last.
    mss: usize,
    identification: u16,
    sequence: u32,
    /// The IPv4 header's sum without length, identification and checksum.
    network_sum: u64,
    /// The sum of the pseudo header of the whole train, as the train brings it in its checksum
    /// field, and of the header of TCP without sequence number and flags, or of UDP without length.
    transport_sum: u64,
}

impl Train {
    /// Reads a virtio header and packet; `frame` is exactly what was read.
    ///
    /// A packet by itself has its checksum completed here if it still lacked it.
    ///
    /// # Errors
    /// If the header does not fit the packet.
    pub fn read(frame: &mut [u8]) -> Result<Self, MalformedTrain> {
        let hint = Header::read(frame).ok_or(MalformedTrain("no virtio header"))?;
        let packet = &mut frame[virtio::SIZE..];
        let kind = hint.gso & !virtio::GSO_ECN;
        let needs_checksum = hint.flags & virtio::NEEDS_CSUM != 0;
        if kind == virtio::GSO_NONE {
            if needs_checksum {
                complete(packet, hint)?;
            }
            return Ok(Self::whole(packet));
        }
        if !needs_checksum {
            return Err(MalformedTrain("a train that claims to have its checksum"));
        }
        let cut = Cut::read(packet, kind, hint)?;
        let payload = packet.len() - cut.header;
        if payload == 0 || cut.mss == 0 {
            return Err(MalformedTrain("a train of no payload, or in segments of none"));
        }
        let count = payload.div_ceil(cut.mss);
        let last_length = packet.len() - (count - 1) * cut.mss;
        let length = if count > 1 { cut.header + cut.mss } else { last_length };
        Ok(Self { count, length, last_length, cut: Some(cut) })
    }

    /// Returns the train that a whole packet with its checksums is by itself.
    pub fn whole(packet: &[u8]) -> Self {
        Self { count: 1, length: packet.len(), last_length: packet.len(), cut: None }
    }

    /// Returns how many segments make it up, at least 1.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the bytes of segment `index` with its headers: all but the last have the same.
    pub fn length(&self, index: usize) -> usize {
        if index + 1 < self.count { self.length } else { self.last_length }
    }

    /// Writes segment `index`, whole and with its checksums; `packet` is what was read, without
    /// the virtio header.
    ///
    /// # Panics
    /// If there is no such segment, `packet` is another or `to` is not exactly as long as the
    /// segment.
    pub fn write(&self, packet: &[u8], index: usize, to: &mut [u8]) {
        assert!(index < self.count, "a segment of the train");
        assert_eq!(to.len(), self.length(index), "a place as long as the segment");
        match &self.cut {
            Some(cut) => cut.write(packet, index, index + 1 == self.count, to),
            None => to.copy_from_slice(packet),
        }
    }
}

impl Cut {
    fn read(packet: &[u8], kind: u8, hint: Header) -> Result<Self, MalformedTrain> {
        let start = usize::from(hint.csum_start);
        let (protocol, check) = match kind {
            virtio::GSO_TCPV4 | virtio::GSO_TCPV6 => (TCP, TCP_CHECK),
            virtio::GSO_UDP_L4 => (UDP, UDP_CHECK),
            _ => return Err(MalformedTrain("a train of an unknown type")),
        };
        if usize::from(hint.csum_offset) != check {
            return Err(MalformedTrain("a train with its checksum in an odd place"));
        }
        let four = check_network_header(packet, start, protocol)?;
        if kind == if four { virtio::GSO_TCPV6 } else { virtio::GSO_TCPV4 } {
            return Err(MalformedTrain("a train of the other family"));
        }
        let tcp = protocol == TCP;
        let header = transport_end(packet, start, tcp)?;
        let transport = &packet[start..header];
        let (sequence, changing) = if tcp {
            let sequence = long(transport, SEQUENCE);
            let halves = negative((sequence >> 16) as u16) + negative(sequence as u16);
            (sequence, halves + negative(word(transport, FLAGS - 1)))
        } else {
            (0, negative(word(transport, 4)))
        };
        let network_sum = if four {
            let changing = [2, 4, 10].map(|at| negative(word(packet, at)));
            sum(&packet[..start]) + changing.iter().sum::<u64>()
        } else {
            0
        };
        Ok(Self {
            tcp,
            four,
            start,
            header,
            mss: usize::from(hint.gso_size),
            identification: word(packet, 4),
            sequence,
            network_sum,
            transport_sum: sum(transport) + changing,
        })
    }

    fn write(&self, packet: &[u8], index: usize, is_last: bool, to: &mut [u8]) {
        let length = to.len();
        let offset = index * self.mss;
        let (header, payload) = to.split_at_mut(self.header);
        let from = self.header + offset;
        header.copy_from_slice(&packet[..self.header]);
        let missing = packet.len() - length;
        let mut total = self.transport_sum + negative(missing as u16);
        total += copy_and_sum(&packet[from..from + payload.len()], payload);
        let (network, transport) = header.split_at_mut(self.start);
        if self.four {
            let identification = self.identification.wrapping_add(index as u16);
            set_word(network, 2, length as u16);
            set_word(network, 4, identification);
            let sum = self.network_sum + length as u64 + u64::from(identification);
            set_word(network, 10, complement(sum));
        } else {
            set_word(network, 4, (length - IPV6_HEADER) as u16);
        }
        if self.tcp {
            let sequence = self.sequence.wrapping_add(offset as u32);
            set_long(transport, SEQUENCE, sequence);
            let mut cleared = if is_last { 0 } else { FIN | PSH };
            if index > 0 {
                cleared |= CWR;
            }
            transport[FLAGS] &= !cleared;
            total += u64::from(sequence) + u64::from(word(transport, FLAGS - 1));
            set_word(transport, TCP_CHECK, complement(total));
        } else {
            let datagram = (length - self.start) as u16;
            set_word(transport, 4, datagram);
            set_word(transport, UDP_CHECK, complement(total + u64::from(datagram)));
        }
    }
}

/// Completes the checksum where the header says it is, over all from its range's start on.
fn complete(packet: &mut [u8], hint: Header) -> Result<(), MalformedTrain> {
    let start = usize::from(hint.csum_start);
    let at = start + usize::from(hint.csum_offset);
    if at + 2 > packet.len() {
        return Err(MalformedTrain("a checksum beyond the packet"));
    }
    let check = complement(sum(&packet[start..]));
    set_word(packet, at, check);
    Ok(())
}

/// Returns where the header of TCP or UDP ends, which is within the packet.
fn transport_end(packet: &[u8], start: usize, tcp: bool) -> Result<usize, MalformedTrain> {
    let smallest = start + if tcp { TCP_HEADER } else { UDP_HEADER };
    if smallest > packet.len() {
        return Err(MalformedTrain("a train without a transport header"));
    }
    if !tcp {
        return Ok(smallest);
    }
    let end = start + 4 * usize::from(packet[start + 12] >> 4);
    if end < smallest || end > packet.len() {
        return Err(MalformedTrain("a train with a TCP header of a wrong length"));
    }
    Ok(end)
}

/// Checks that an IP header of the right length leads to `start`; tells whether it is IPv4.
fn check_network_header(packet: &[u8], start: usize, protocol: u8) -> Result<bool, MalformedTrain> {
    let size = packet.len();
    if version(packet) == 6 && size >= IPV6_HEADER {
        let extended = start > IPV6_HEADER && start % 8 == 0;
        let leads = extended || (start == IPV6_HEADER && packet[6] == protocol);
        if usize::from(word(packet, 4)) + IPV6_HEADER != size || !leads {
            return Err(MalformedTrain("an IPv6 train of another length or transport"));
        }
        return Ok(false);
    }
    if version(packet) == 4 && size >= IPV4_HEADER {
        let header = 4 * usize::from(packet[0] & 15);
        if usize::from(word(packet, 2)) != size || start != header || start < IPV4_HEADER {
            return Err(MalformedTrain("an IPv4 train of another length or transport"));
        }
        if packet[9] != protocol || word(packet, 6) & MORE_OR_OFFSET != 0 {
            return Err(MalformedTrain("an IPv4 train of another protocol or of fragments"));
        }
        return Ok(true);
    }
    Err(MalformedTrain("a train that is neither IPv4 nor IPv6"))
}
