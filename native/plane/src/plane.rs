//! The plane as control sees it: commands in, notices and snapshots out, threads in between.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle, available_parallelism};

use ring::rand::{SecureRandom, SystemRandom};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};
use wiresnake_core::commands::Command;
use wiresnake_core::core::{Core, Random};
use wiresnake_core::counters::Counters;
use wiresnake_core::encode;
use wiresnake_core::notices::Notice;
use wiresnake_core::outgoing::Outgoing;
use wiresnake_core::peers::PeerNumber;
use wiresnake_core::validation::Rejected;

use crate::inner::Inside;
use crate::inward::Inward;
use crate::outer::Outer;
use crate::outward::Outward;
use crate::shared::{Shared, now};
use crate::udp::Udp;

/// Threads each way, at most: what one core reads, so many can seal.
const MAX_WORKERS: usize = 4;

/// What a drain returned: notices, and why the plane cannot go on, if it cannot.
pub type Drained = (Vec<Notice>, Option<String>);

/// A running data plane.
pub struct Plane {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Plane {
    /// Starts threads over the inner side: `workers` each way, or as many as suit the processors
    /// there are. Two processors are kept busy by one each way; more than that share the sealing.
    ///
    /// # Errors
    /// If the process has no descriptors or threads left.
    pub fn start(inside: Inside, workers: Option<usize>) -> io::Result<Self> {
        let processors = available_parallelism().map_or(2, usize::from);
        let workers = workers.unwrap_or(processors / 2).clamp(1, MAX_WORKERS);
        let counters = Arc::new(Counters::default());
        let core = Core::new(Arc::clone(&counters), system_random());
        let shared = Arc::new(Shared::new(core, counters, workers)?);
        let inside = Arc::new(inside);
        let mut plane = Self { shared, threads: Vec::new() };
        let (reading, receiving) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        for number in 0..workers {
            let shared = &plane.shared;
            let outward =
                Outward::new(Arc::clone(shared), Arc::clone(&inside), Arc::clone(&reading), number);
            let inward = Inward::new(
                Arc::clone(shared),
                Arc::clone(&inside),
                Arc::clone(&receiving),
                number,
            );
            plane.spawn(format!("outward-{number}"), move || outward.run())?;
            plane.spawn(format!("inward-{number}"), move || inward.run())?;
        }
        Ok(plane)
    }

    /// Carries out a batch; `sockets` are what its `Sockets` commands name, in that order.
    ///
    /// # Errors
    /// `Rejected`, and then nothing happened.
    pub fn apply(&self, commands: Vec<Command>, sockets: Vec<Outer>) -> Result<(), Rejected> {
        let mut outgoing = Outgoing::default();
        let now = now();
        let shared = &self.shared;
        let parts: Vec<_> = shared.with_core(|core| {
            core.apply(commands, now, &mut outgoing)?;
            let parts = outgoing.parts().into_iter();
            Ok(parts
                .map(|part| ((!part.is_empty()).then(|| shared.outward.ticket()), part))
                .collect())
        })?;
        let mut sockets = sockets.into_iter();
        for (ticket, part) in parts {
            if let Some(ticket) = ticket {
                shared.wait_for_control(&ticket);
                shared.seal_and_send(&part, ticket, now);
            }
            if let Some(outer) = sockets.next() {
                shared.replace_outer(outer);
            }
        }
        Ok(())
    }

    /// Returns the notices since the last drain, edges first, at most 64 handshake messages.
    pub fn drain(&self) -> Drained {
        // Lowered first: what is raised after that is here to be collected, or for the next time.
        self.shared.due.lower();
        let mut state = self.shared.state();
        let notices = state.core.drain();
        let more = state.core.has_notices();
        state.signalled = more;
        let failure = state.failure.clone();
        drop(state);
        if more {
            self.shared.due.raise();
        }
        (notices, failure)
    }

    /// Returns snapshots of these peers, encoded; unknown ones are left out.
    pub fn observe(&self, numbers: &[PeerNumber]) -> Vec<u8> {
        let state = self.shared.state();
        let peers: Vec<_> =
            numbers.iter().filter_map(|one| Some((*one, state.core.peer(*one)?))).collect();
        encode::observed(&peers)
    }

    /// Returns every counter and depth, and how much each thread sealed and opened.
    pub fn counters(&self) -> Vec<(String, u64)> {
        let shared = &self.shared;
        let mut all: Vec<(String, u64)> =
            shared.counters.all().map(|(name, count)| (name.to_owned(), count)).collect();
        let depths = shared.state().core.depths();
        all.extend(depths.into_iter().map(|(name, depth)| (name.to_owned(), depth)));
        all.push(("threads_at_work".to_owned(), shared.at_work.load(Ordering::SeqCst)));
        for (name, counts) in [("sealed_by", &shared.sealed), ("opened_by", &shared.opened)] {
            all.extend(counts.iter().enumerate().map(|(number, count)| {
                (format!("{name}_{number}"), count.load(Ordering::Relaxed))
            }));
        }
        all
    }

    /// Returns a descriptor that is readable while there is something to drain.
    pub fn due(&self) -> BorrowedFd<'_> {
        self.shared.due.as_fd()
    }

    fn spawn(&mut self, name: String, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let what = name.clone();
        let thread = Builder::new().name(name).spawn(move || {
            if let Err(error) = give_up_rights() {
                shared.fail(format!("the thread {what} cannot give up its rights: {error}"));
            } else if catch_unwind(AssertUnwindSafe(work)).is_err() {
                shared.fail(format!("the thread {what} of the native plane failed"));
            }
        })?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Release);
        self.shared.stop.raise();
        for thread in self.threads.drain(..) {
            // A panic was caught within; what is left to join has ended in order.
            let _ended = thread.join();
        }
    }
}

/// Gives up every capability of this thread, for good: it only uses descriptors it was given. Linux
/// counts rights by thread, so those of control are as they were.
fn give_up_rights() -> io::Result<()> {
    let none = CapabilitySet::empty();
    set_no_new_privs(true)?;
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}

/// Makes sockets of descriptors that a `Sockets` command named.
pub fn sockets(v4: Option<OwnedFd>, v6: Option<OwnedFd>) -> Outer {
    Outer::new(v4.map(Udp::new), v6.map(Udp::new))
}

/// Returns the system's randomness.
///
/// # Panics
/// What is returned does, if the system has none, which no Linux since 3.17 says.
fn system_random() -> Random {
    let random = SystemRandom::new();
    Box::new(move |bytes| random.fill(bytes).expect("the system gives randomness"))
}
