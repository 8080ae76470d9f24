//! Waiting: events that threads raise for each other, and descriptors that become ready.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, read, write};

/// How long a full socket is waited for.
const WRITABLE_WITHIN: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// A flag that can be waited for; it stays raised until it is lowered.
#[derive(Debug)]
pub struct Event(OwnedFd);

impl Event {
    /// Makes one that is not raised.
    ///
    /// # Errors
    /// If the process has no descriptors left.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Raises it; without effect if it is raised.
    pub fn raise(&self) {
        // It fails only when the count overflows, and then it is raised.
        let _full = write(&self.0, &1u64.to_ne_bytes());
    }

    /// Lowers it; without effect if it is not raised.
    pub fn lower(&self) {
        // It fails only when there is nothing to lower.
        let _empty = read(&self.0, &mut [0u8; 8]);
    }

    /// Whether it is raised.
    pub fn is_raised(&self) -> bool {
        let mut one = [PollFd::new(&self.0, PollFlags::IN)];
        matches!(poll(&mut one, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..))
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits until one of `descriptors` is readable or at its end; tells of each which.
pub fn wait_readable<const N: usize>(descriptors: [BorrowedFd<'_>; N]) -> [bool; N] {
    let mut watched = descriptors.each_ref().map(|one| PollFd::new(one, PollFlags::IN));
    loop {
        match poll(&mut watched, None) {
            Err(Errno::INTR) => {}
            _ => return watched.map(|one| !one.revents().is_empty()),
        }
    }
}

/// Waits until a full socket takes something again; false if it does not within a second, or one of
/// two events was raised.
pub fn wait_writable(socket: BorrowedFd<'_>, one: &Event, other: &Event) -> bool {
    let mut watched = [
        PollFd::new(&socket, PollFlags::OUT),
        PollFd::from_borrowed_fd(one.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(other.as_fd(), PollFlags::IN),
    ];
    loop {
        match poll(&mut watched, Some(&WRITABLE_WITHIN)) {
            Err(Errno::INTR) => {}
            Ok(_) => {
                let [socket, one, other] = watched.map(|one| !one.revents().is_empty());
                return socket && !one && !other;
            }
            Err(_) => return false,
        }
    }
}
