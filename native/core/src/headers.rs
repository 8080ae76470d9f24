//! Fields of IP, TCP and UDP headers: where they lie, and how they are read and written.

/// Bytes of an IPv4 header without options.
pub(crate) const IPV4_HEADER: usize = 20;
/// Bytes of an IPv6 header.
pub(crate) const IPV6_HEADER: usize = 40;
/// Bytes of a TCP header without options.
pub(crate) const TCP_HEADER: usize = 20;
/// Bytes of a UDP header.
pub(crate) const UDP_HEADER: usize = 8;

/// TCP's protocol number.
pub(crate) const TCP: u8 = 6;
/// UDP's protocol number.
pub(crate) const UDP: u8 = 17;

/// Where TCP has its checksum.
pub(crate) const TCP_CHECK: usize = 16;
/// Where UDP has its checksum.
pub(crate) const UDP_CHECK: usize = 6;
/// Where TCP has its sequence number.
pub(crate) const SEQUENCE: usize = 4;
/// Where TCP has the byte of its flags.
pub(crate) const FLAGS: usize = 13;

/// TCP's flags.
pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const URG: u8 = 0x20;
pub(crate) const CWR: u8 = 0x80;

/// In the word of IPv4's flags and offset: the packet may not be fragmented.
pub(crate) const DONT_FRAGMENT: u16 = 0x4000;
/// In the same word: the packet is a fragment.
pub(crate) const MORE_OR_OFFSET: u16 = 0x3FFF;

/// Returns the version that a packet claims, 0 if it is empty.
pub(crate) fn version(packet: &[u8]) -> u8 {
    packet.first().map_or(0, |first| first >> 4)
}

/// Returns the 16-bit field at `at`, which lies within `bytes`.
pub(crate) fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Returns the 32-bit field at `at`, which lies within `bytes`.
pub(crate) fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Writes the 16-bit field at `at`, which lies within `bytes`.
pub(crate) fn set_word(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// Writes the 32-bit field at `at`, which lies within `bytes`.
pub(crate) fn set_long(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}
