//! Two planes with real descriptors and threads: packets both ways, sockets replaced under load, and
//! an end at any time.
//!
//!     host ---- plane ---- UDP over loopback ---- plane ---- host
//!
//! The hosts are socket pairs in our hands. Small enough for valgrind and the sanitizers, under which
//! a processor is fifty times slower.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read, write};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use wiresnake_core::addresses::{NEVER, Prefix};
use wiresnake_core::commands::{Command, NewSession, PeerCommand};
use wiresnake_core::transport::Key;
use wiresnake_plane::inner::Inside;
use wiresnake_plane::plane::{Plane, sockets};

const PEER: u64 = 1;
const HEADER: usize = 20;
/// How long anything is waited for.
const LIMIT: Duration = Duration::from_secs(60);
/// Packets that may be under way: so few fit every buffer.
const WINDOW: u32 = 32;
/// After that long a sender believes what is under way to be lost.
const PATIENCE: Duration = Duration::from_millis(20);

/// One plane, and the two descriptors by which a host and a network meet it.
struct End {
    plane: Option<Plane>,
    host: OwnedFd,
    udp: UdpSocket,
    side: u8,
    /// How many different packets the host got, all in order.
    came: AtomicU32,
}

/// What a host does: it sends until it is told to stop, and takes what comes.
struct Errand<'a> {
    from: &'a End,
    to: &'a End,
    stop: &'a AtomicBool,
}

impl End {
    fn new(side: u8, workers: usize) -> Self {
        let (host, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::NONBLOCK, None)
                .unwrap();
        for end in [&host, &theirs] {
            sockopt::set_socket_send_buffer_size(end, 1 << 20).unwrap();
        }
        let plane = Plane::start(Inside::new(theirs, false, false, false), Some(workers)).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        Self { plane: Some(plane), host, udp, side, came: AtomicU32::new(0) }
    }

    fn plane(&self) -> &Plane {
        self.plane.as_ref().unwrap()
    }

    /// Makes it know the other end, and gives it their session.
    fn introduce(&self, other: SocketAddr) {
        let address = [10, 0, 0, 2 - self.side].into();
        let (ours, theirs) = ([self.side; 32], [1 - self.side; 32]);
        let session = NewSession {
            local_index: u32::from(self.side),
            remote_index: u32::from(1 - self.side),
            send_key: Key::copy(&ours),
            receive_key: Key::copy(&theirs),
            initiator: true,
            renew_on_send_at: NEVER,
            renew_on_receive_at: NEVER,
            dies_at: NEVER,
            first_counter: 0,
        };
        let about = [
            PeerCommand::Add,
            PeerCommand::Route(vec![Prefix { address, length: 32 }]),
            PeerCommand::SetEndpoint(other),
            PeerCommand::Install(Box::new(session)),
        ];
        self.replace_sockets();
        let commands = about.into_iter().map(|command| Command::Peer(PEER, command)).collect();
        self.plane().apply(commands, vec![]).unwrap();
    }

    /// Gives the plane another descriptor of the same socket, so that nothing under way is lost with
    /// the old one.
    fn replace_sockets(&self) {
        let copy = OwnedFd::from(self.udp.try_clone().unwrap());
        let command = Command::Sockets { v4: Some(0), v6: None };
        self.plane().apply(vec![command], vec![sockets(Some(copy), None)]).unwrap();
    }

    /// Takes the sockets away.
    fn take_down(&self) {
        let command = Command::Sockets { v4: None, v6: None };
        self.plane().apply(vec![command], vec![sockets(None, None)]).unwrap();
    }

    fn counters(&self) -> HashMap<String, u64> {
        self.plane().counters().into_iter().collect()
    }
}

impl Errand<'_> {
    /// Sends numbered packets, at most `WINDOW` ahead of what came; returns how many.
    fn send(&self) -> u32 {
        let mut number = 0;
        let mut moved = Instant::now();
        let mut came = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let now_came = self.to.came.load(Ordering::Relaxed);
            if now_came != came {
                (came, moved) = (now_came, Instant::now());
            }
            if number >= came.saturating_add(WINDOW) && moved.elapsed() < PATIENCE {
                thread::yield_now();
                continue;
            }
            match write(&self.from.host, &packet(self.from.side, number)) {
                Ok(_) => number += 1,
                Err(Errno::AGAIN | Errno::NOBUFS) => thread::yield_now(),
                Err(error) => panic!("the plane hung up: {error}"),
            }
        }
        number
    }

    /// Takes what comes to the host at the far end; each packet is whole and later than those before.
    fn take(&self) {
        let mut next = 0;
        let mut buffer = [0; 2048];
        while !self.stop.load(Ordering::Relaxed) {
            if !is_readable(&self.to.host, 10) {
                continue;
            }
            let length = match read(&self.to.host, &mut buffer) {
                Ok(length) => length,
                Err(Errno::AGAIN) => continue,
                Err(error) => panic!("the plane hung up: {error}"),
            };
            let number = u32::from_be_bytes(buffer[HEADER..HEADER + 4].try_into().unwrap());
            assert!(number >= next, "packet {number} came when {next} was due");
            assert_eq!(&buffer[..length], &packet(self.from.side, number));
            next = number + 1;
            self.to.came.store(next, Ordering::Relaxed);
        }
    }
}

/// Returns packet `number` of a host.
fn packet(side: u8, number: u32) -> Vec<u8> {
    let length = 40 + (number % 13) as usize * 100;
    let mut packet = vec![0x45, 0];
    packet.extend((length as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend([10, 0, 0, side + 1, 10, 0, 0, 2 - side]);
    packet.extend(number.to_be_bytes());
    packet.resize(length, number as u8);
    packet
}

fn is_readable(descriptor: impl AsFd, milliseconds: i64) -> bool {
    let limit = Timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 };
    let mut one = [PollFd::new(&descriptor, PollFlags::IN)];
    matches!(poll(&mut one, Some(&limit)), Ok(1..))
}

fn wait_until(what: &str, reached: impl Fn() -> bool) {
    let give_up = Instant::now() + LIMIT;
    while !reached() {
        assert!(Instant::now() < give_up, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Joins two ends.
fn joined(workers: usize) -> [End; 2] {
    let ends = [End::new(0, workers), End::new(1, workers)];
    for (end, other) in [(&ends[0], &ends[1]), (&ends[1], &ends[0])] {
        end.introduce(other.udp.local_addr().unwrap());
    }
    ends
}

/// Ends the errands of a scope when it is dropped, also when an assertion in it fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets both hosts send and take while `act` runs; returns how many packets each sent.
fn under_load(ends: &[End; 2], act: impl FnOnce()) -> [u32; 2] {
    let stop = AtomicBool::new(false);
    let errands =
        [(0, 1), (1, 0)].map(|(from, to)| Errand { from: &ends[from], to: &ends[to], stop: &stop });
    thread::scope(|scope| {
        let sending = errands.each_ref().map(|errand| scope.spawn(|| errand.send()));
        for errand in &errands {
            scope.spawn(|| errand.take());
        }
        let ending = Stop(&stop);
        act();
        drop(ending);
        sending.map(|one| one.join().unwrap())
    })
}

/// Waits until `count` more packets have come out at both ends.
fn wait_for_more(ends: &[End; 2], count: u32) {
    let wanted = ends.each_ref().map(|end| end.came.load(Ordering::Relaxed) + count);
    wait_until("packets", || {
        ends.iter().zip(wanted).all(|(end, wanted)| end.came.load(Ordering::Relaxed) >= wanted)
    });
}

/// What is left of a plane in the hands of its host: nothing.
fn assert_ended(host: &OwnedFd) {
    let mut buffer = [0; 2048];
    // What was delivered before is still there to be read.
    while let Ok(1..) = read(host, &mut buffer) {}
    assert_eq!(read(host, &mut buffer), Ok(0), "somebody holds the inner side");
}

#[test]
fn packets_flow_both_ways_in_order_while_sockets_are_replaced() {
    for workers in [1, 3] {
        let ends = joined(workers);
        under_load(&ends, || {
            wait_for_more(&ends, 200);
            for turn in 0..12 {
                ends[turn % 2].replace_sockets();
                wait_for_more(&ends, 20);
            }
            ends[0].take_down();
            ends[0].replace_sockets();
            wait_for_more(&ends, 100);
        });
        for end in &ends {
            let (notices, failure) = end.plane().drain();
            assert_eq!(failure, None);
            assert!(!notices.is_empty(), "a resting peer had traffic");
            let counters = end.counters();
            for never in ["dropped_forged", "dropped_replayed", "dropped_wrong_source"] {
                assert_eq!(counters[never], 0, "{never}");
            }
            let by_thread = |name: &str| -> u64 {
                (0..workers).map(|number| counters[&format!("{name}_{number}")]).sum()
            };
            assert!(by_thread("opened_by") >= u64::from(end.came.load(Ordering::Relaxed) / 2));
            assert!(by_thread("sealed_by") > 0);
        }
    }
}

#[test]
fn nothing_is_lost_where_everything_fits() {
    let ends = joined(2);
    let sent = under_load(&ends, || wait_for_more(&ends, 500));
    // The last ones may come when nobody takes them any more.
    for (end, sent) in ends.iter().zip([sent[1], sent[0]]) {
        wait_until("the plane to come to rest", || end.counters()["threads_at_work"] == 0);
        let mut buffer = [0; 2048];
        let mut came = end.came.load(Ordering::Relaxed);
        while came < sent {
            assert!(is_readable(&end.host, 900), "{came} of {sent} came");
            let _length = read(&end.host, &mut buffer).unwrap();
            came += 1;
        }
        assert_eq!(came, sent);
    }
}

#[test]
fn a_plane_ends_though_there_is_always_more_to_read() {
    let endless = OwnedFd::from(File::open("/dev/zero").unwrap());
    let plane = Plane::start(Inside::new(endless, false, false, false), Some(2)).unwrap();
    let malformed = || {
        plane
            .counters()
            .into_iter()
            .any(|(name, count)| name == "dropped_outbound_malformed" && count > 0)
    };
    wait_until("what is no packet", malformed);
    let (ended, end) = channel();
    thread::spawn(move || {
        drop(plane);
        ended.send(()).unwrap();
    });
    end.recv_timeout(LIMIT).expect("it ended");
}

#[test]
fn a_plane_that_is_dropped_under_load_leaves_nothing_behind() {
    for workers in [1, 4] {
        let mut ends = joined(workers);
        let [one, other] = &mut ends;
        let host = other.host.try_clone().unwrap();
        let plane = one.plane.take();
        let dropped = &AtomicBool::new(false);
        thread::scope(|scope| {
            let flooding = scope.spawn(move || {
                let mut number = 0;
                while !dropped.load(Ordering::Relaxed) {
                    match write(&host, &packet(1, number)) {
                        Ok(_) => number += 1,
                        Err(Errno::AGAIN | Errno::NOBUFS) => thread::yield_now(),
                        Err(error) => return Err::<u32, io::Error>(error.into()),
                    }
                }
                Ok(number)
            });
            let ending = Stop(dropped);
            wait_until("packets", || is_readable(&one.host, 0));
            drop(plane);
            assert_ended(&one.host);
            // The other end sends into the void, and ends as well.
            drop(other.plane.take());
            drop(ending);
            let flood = flooding.join().unwrap();
            assert!(flood.is_err() || flood.is_ok_and(|number| number > 0));
        });
        assert_ended(&other.host);
    }
}
