//! Waiting: events that threads raise for each other, and descriptors that become ready.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, read, write};

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

/// Waits until a full socket takes something again; false if it does not `within` that time, or one
/// of the events was raised.
pub fn wait_writable(socket: BorrowedFd<'_>, within: Duration, events: [&Event; 3]) -> bool {
    let mut watched = [
        PollFd::new(&socket, PollFlags::OUT),
        PollFd::from_borrowed_fd(events[0].as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(events[1].as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(events[2].as_fd(), PollFlags::IN),
    ];
    let Ok(within) = Timespec::try_from(within) else { return false };
    loop {
        match poll(&mut watched, Some(&within)) {
            Err(Errno::INTR) => {}
            Ok(_) => {
                let [socket, events @ ..] = watched.map(|one| !one.revents().is_empty());
                return socket && events == [false; 3];
            }
            Err(_) => return false,
        }
    }
}
