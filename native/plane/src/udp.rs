//! The outer sockets: datagrams and whole trains (`UDP_SEGMENT`, `UDP_GRO`) with their ancillary data.
//!
//! The one file with `unsafe`: the standard library has no call for ancillary data.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment, reason = "control blocks are aligned for their headers")]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use libc::{
    CMSG_DATA, CMSG_FIRSTHDR, CMSG_LEN, CMSG_NXTHDR, CMSG_SPACE, c_int, c_void, cmsghdr,
    in_pktinfo, in6_pktinfo, iovec, mmsghdr, msghdr, sockaddr_in, sockaddr_in6, sockaddr_storage,
};
use wiresnake_core::addresses::{Endpoint, Way};
use wiresnake_core::incoming::Arrival;

/// Messages taken from a socket with one call.
pub const BATCH: usize = 16;
/// Bytes of buffer for each of them: the longest train, and room to keep the next one aligned.
pub const SLOT: usize = (1 << 16) + 64;
/// Bytes of ancillary data of one message.
const CONTROL: usize = 128;

/// One UDP socket, non-blocking, opened and prepared by the host.
#[derive(Debug)]
pub struct Udp(OwnedFd);

/// The ancillary data of one message, aligned as its headers want it.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

/// Where the kernel writes messages, their senders and ancillary data; made once and used over and
/// over.
pub struct Receiver {
    buffer: Vec<u8>,
    headers: Vec<mmsghdr>,
    // What the headers point to. Boxed slices do not move with the receiver.
    _vectors: Box<[iovec]>,
    names: Box<[sockaddr_storage]>,
    controls: Box<[Control]>,
}

// SAFETY: the pointers in `headers` and `_vectors` lead into the heap blocks that the receiver itself
// owns, which stay where they are when it moves to another thread.
unsafe impl Send for Receiver {}

impl Receiver {
    /// Allocates the buffers; the kernel gives memory to what is used only.
    pub fn new() -> Self {
        let mut buffer = vec![0u8; BATCH * SLOT];
        let mut names: Box<[sockaddr_storage]> =
            // SAFETY: all zeros are a valid sockaddr_storage.
            (0..BATCH).map(|_| unsafe { zeroed() }).collect();
        let mut controls: Box<[Control]> = (0..BATCH).map(|_| Control([0; CONTROL])).collect();
        let mut vectors: Box<[iovec]> = buffer
            .chunks_exact_mut(SLOT)
            .map(|slot| iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: SLOT })
            .collect();
        let headers = (0..BATCH)
            .map(|index| {
                // SAFETY: all zeros are a valid mmsghdr.
                let mut header: mmsghdr = unsafe { zeroed() };
                header.msg_hdr.msg_iov = &raw mut vectors[index];
                header.msg_hdr.msg_iovlen = 1;
                header.msg_hdr.msg_name = (&raw mut names[index]).cast();
                header.msg_hdr.msg_control = (&raw mut controls[index]).cast();
                header
            })
            .collect();
        Self { buffer, headers, _vectors: vectors, names, controls }
    }

    /// Takes up to `most` messages (at most `BATCH`) that are there; adds each to `arrivals` and
    /// returns how many were longer than any packet can be and were dropped.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there; what a socket reports of earlier sends.
    pub fn receive(
        &mut self,
        from: &Udp,
        most: usize,
        arrivals: &mut Vec<Arrival>,
    ) -> io::Result<usize> {
        let most = most.clamp(1, BATCH);
        for header in &mut self.headers[..most] {
            header.msg_hdr.msg_namelen = size_of::<sockaddr_storage>() as u32;
            header.msg_hdr.msg_controllen = CONTROL;
            header.msg_hdr.msg_flags = 0;
        }
        // SAFETY: the first `most` headers point to a name, a control block and one vector each, all
        // alive and of the sizes they say.
        let count = unsafe {
            libc::recvmmsg(
                from.0.as_raw_fd(),
                self.headers.as_mut_ptr(),
                most as u32,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        if count < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut truncated = 0;
        for index in 0..count as usize {
            let header = &self.headers[index];
            if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                truncated += 1;
            } else if let Some(arrival) = self.arrival(index) {
                arrivals.push(arrival);
            }
        }
        Ok(truncated)
    }

    /// Returns the buffer in which arrivals lie.
    pub fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    fn arrival(&self, index: usize) -> Option<Arrival> {
        let header = &self.headers[index];
        let length = (header.msg_len as usize).min(SLOT);
        let endpoint = endpoint(&self.names[index])?;
        let mut arrival = Arrival {
            start: index * SLOT,
            length,
            segment: length,
            way: Way::to(endpoint),
            tos: 0,
        };
        let control = &self.controls[index].0[..header.msg_hdr.msg_controllen.min(CONTROL)];
        read_control(control, &header.msg_hdr, &mut arrival);
        Some(arrival)
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Udp {
    /// Takes a descriptor over.
    pub fn new(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// Sends a train of datagrams of `segment` bytes, the last maybe shorter, or one that is no
    /// longer than that.
    ///
    /// # Errors
    /// What the host says; `WouldBlock` if the socket is full.
    pub fn send(&self, way: &Way, datagrams: &[u8], segment: usize, tos: u8) -> io::Result<()> {
        let mut control = Control([0; CONTROL]);
        let mut name = SocketName::of(&way.endpoint);
        let mut vector =
            iovec { iov_base: datagrams.as_ptr().cast_mut().cast(), iov_len: datagrams.len() };
        // SAFETY: all zeros are a valid msghdr.
        let mut header: msghdr = unsafe { zeroed() };
        header.msg_name = name.pointer();
        header.msg_namelen = name.length();
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = CONTROL;
        let used = write_control(&header, way, datagrams.len(), segment, tos);
        header.msg_controllen = used;
        if used == 0 {
            header.msg_control = ptr::null_mut();
        }
        // SAFETY: name, vector and control block are alive and of the sizes the header says; the
        // kernel only reads them.
        let sent =
            unsafe { libc::sendmsg(self.0.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl AsFd for Udp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A socket address as the kernel reads it.
enum SocketName {
    V4(sockaddr_in),
    V6(sockaddr_in6),
}

impl SocketName {
    fn of(endpoint: &Endpoint) -> Self {
        match endpoint {
            SocketAddr::V4(four) => Self::V4(sockaddr_in {
                sin_family: libc::AF_INET as u16,
                sin_port: four.port().to_be(),
                sin_addr: libc::in_addr { s_addr: four.ip().to_bits().to_be() },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(six) => Self::V6(sockaddr_in6 {
                sin6_family: libc::AF_INET6 as u16,
                sin6_port: six.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: six.ip().octets() },
                sin6_scope_id: six.scope_id(),
            }),
        }
    }

    fn pointer(&mut self) -> *mut c_void {
        match self {
            Self::V4(four) => ptr::from_mut(four).cast(),
            Self::V6(six) => ptr::from_mut(six).cast(),
        }
    }

    fn length(&self) -> u32 {
        match self {
            Self::V4(_) => size_of::<sockaddr_in>() as u32,
            Self::V6(_) => size_of::<sockaddr_in6>() as u32,
        }
    }
}

/// Reads the address that the kernel wrote.
fn endpoint(name: &sockaddr_storage) -> Option<Endpoint> {
    match c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is a sockaddr_in, which is shorter than the storage and
            // aligned no more strictly.
            let four = unsafe { &*ptr::from_ref(name).cast::<sockaddr_in>() };
            let host = Ipv4Addr::from_bits(u32::from_be(four.sin_addr.s_addr));
            Some(SocketAddr::from((host, u16::from_be(four.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above, of a sockaddr_in6.
            let six = unsafe { &*ptr::from_ref(name).cast::<sockaddr_in6>() };
            let host = Ipv6Addr::from(six.sin6_addr.s6_addr);
            let port = u16::from_be(six.sin6_port);
            Some(SocketAddr::V6(SocketAddrV6::new(host, port, 0, six.sin6_scope_id)))
        }
        _ => None,
    }
}

/// Reads segment size, local address and traffic class from a message's ancillary data.
fn read_control(control: &[u8], header: &msghdr, arrival: &mut Arrival) {
    // SAFETY: the header's control pointer and length are those of `control`, which the kernel has
    // filled; CMSG_NXTHDR stays within it.
    let mut next = unsafe { CMSG_FIRSTHDR(header) };
    while let Some(one) = ptr::NonNull::new(next) {
        // SAFETY: a header that the macros return lies within `control`.
        let (level, kind, length) = unsafe {
            let one = one.as_ref();
            (one.cmsg_level, one.cmsg_type, one.cmsg_len)
        };
        // SAFETY: as above; the data is behind the header.
        let offset = unsafe { CMSG_DATA(one.as_ptr()) } as usize - control.as_ptr() as usize;
        // SAFETY: CMSG_LEN only computes.
        let size = length.saturating_sub(unsafe { CMSG_LEN(0) } as usize);
        let data = control.get(offset..).map_or(&[][..], |rest| &rest[..size.min(rest.len())]);
        read_ancillary(level, kind, data, arrival);
        // SAFETY: as for CMSG_FIRSTHDR.
        next = unsafe { CMSG_NXTHDR(header, one.as_ptr()) };
    }
}

fn read_ancillary(level: c_int, kind: c_int, data: &[u8], arrival: &mut Arrival) {
    let int = |at: usize| {
        data.get(at..at + 4).and_then(|four| four.try_into().ok()).map(i32::from_ne_bytes)
    };
    match (level, kind) {
        (libc::SOL_UDP, libc::UDP_GRO) => {
            if let Some(size) = int(0).filter(|size| *size > 0) {
                arrival.segment = size as usize;
            }
        }
        (libc::IPPROTO_IP, libc::IP_TOS) => arrival.tos = data.first().copied().unwrap_or(0),
        (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => arrival.tos = int(0).unwrap_or(0) as u8,
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
            // in_pktinfo: interface, the address to answer from, the address it was sent to
            if let Some(local) = data.get(4..8).and_then(|four| <[u8; 4]>::try_from(four).ok()) {
                arrival.way.local = Some(IpAddr::from(local));
                arrival.way.interface = int(0).unwrap_or(0) as u32;
            }
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
            if let Some(local) = data.get(..16).and_then(|all| <[u8; 16]>::try_from(all).ok()) {
                arrival.way.local = Some(IpAddr::from(local));
                arrival.way.interface = int(16).unwrap_or(0) as u32;
            }
        }
        _ => {}
    }
}

/// Writes source address, traffic class and segment size behind each other into the header's control
/// block; returns the bytes used.
///
/// The interface is left to the routes: it may have changed since the peer was heard.
fn write_control(header: &msghdr, way: &Way, length: usize, segment: usize, tos: u8) -> usize {
    let mut used = 0;
    let mut put = |level: c_int, kind: c_int, data: &[u8]| {
        // SAFETY: three messages of at most 20 bytes fit in the block of CONTROL bytes, which is
        // aligned for their headers; `used` is a multiple of that alignment.
        unsafe {
            let one = header.msg_control.cast::<u8>().add(used).cast::<cmsghdr>();
            (*one).cmsg_level = level;
            (*one).cmsg_type = kind;
            (*one).cmsg_len = CMSG_LEN(data.len() as u32) as usize;
            ptr::copy_nonoverlapping(data.as_ptr(), CMSG_DATA(one), data.len());
            used += CMSG_SPACE(data.len() as u32) as usize;
        }
    };
    match way.local {
        Some(IpAddr::V4(local)) => {
            let mut info = [0; size_of::<in_pktinfo>()];
            info[4..8].copy_from_slice(&local.octets());
            put(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
        }
        Some(IpAddr::V6(local)) => {
            let mut info = [0; size_of::<in6_pktinfo>()];
            info[..16].copy_from_slice(&local.octets());
            put(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
        }
        None => {}
    }
    if tos != 0 {
        let (level, kind) = match way.endpoint {
            SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_TOS),
            SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
        };
        put(level, kind, &i32::from(tos).to_ne_bytes());
    }
    if length > segment {
        put(libc::SOL_UDP, libc::UDP_SEGMENT, &(segment as u16).to_ne_bytes());
    }
    used
}

/// Returns a duplicate of a descriptor that stays control's.
///
/// # Errors
/// If no such descriptor is open, or the process has none left.
pub fn duplicate(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: fcntl makes a new descriptor and touches nothing.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}
