//! The header of 10 bytes that precedes each packet of a TUN with `IFF_VNET_HDR` (virtio 1.2,
//! 5.1.6).
//!
//! ```text
//! 0       1     2         4          6            8             10
//! | flags | gso | hdr len | gso size | csum start | csum offset |
//! ```
//!
//! It says which packets are trains of segments, and which still lack their checksum. Numbers are
//! in the byte order of the machine, as a TUN has them unless it is told otherwise.

/// Bytes of the header.
pub const SIZE: usize = 10;

/// The checksum field holds the pseudo header's sum alone: complete it over all from csum start.
pub const NEEDS_CSUM: u8 = 1;

/// No train.
pub const GSO_NONE: u8 = 0;
/// A train of TCP over IPv4.
pub const GSO_TCPV4: u8 = 1;
/// A train of TCP over IPv6.
pub const GSO_TCPV6: u8 = 4;
/// A train of UDP datagrams.
pub const GSO_UDP_L4: u8 = 5;
/// Joined to a TCP type: the first segment of the train bears CWR.
pub const GSO_ECN: u8 = 0x80;

/// The header of a packet that is whole and has its checksums.
pub const NO_OFFLOAD: [u8; SIZE] = [0; SIZE];

/// The header's fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// [`NEEDS_CSUM`] or none.
    pub flags: u8,
    /// What kind of train follows, if any.
    pub gso: u8,
    /// Bytes of all headers of a train.
    pub header_length: u16,
    /// Payload bytes of each segment but the last.
    pub gso_size: u16,
    /// Where the checksum's range begins.
    pub csum_start: u16,
    /// Where in that range the checksum is.
    pub csum_offset: u16,
}

impl Header {
    /// Reads the header that `frame` begins with; `None` if it is shorter than one.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let bytes: &[u8; SIZE] = frame.first_chunk()?;
        let word = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        Some(Self {
            flags: bytes[0],
            gso: bytes[1],
            header_length: word(2),
            gso_size: word(4),
            csum_start: word(6),
            csum_offset: word(8),
        })
    }

    /// Returns the header as it precedes a packet.
    pub fn to_bytes(self) -> [u8; SIZE] {
        let mut bytes = [self.flags, self.gso, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes[2..4].copy_from_slice(&self.header_length.to_ne_bytes());
        bytes[4..6].copy_from_slice(&self.gso_size.to_ne_bytes());
        bytes[6..8].copy_from_slice(&self.csum_start.to_ne_bytes());
        bytes[8..10].copy_from_slice(&self.csum_offset.to_ne_bytes());
        bytes
    }
}
