//! What the plane counts: each silent drop has a name, so that an operator can see why.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($variant:ident $name:literal $meaning:literal),* $(,)?) => {
        /// One thing that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Count {
            $(#[doc = $meaning] $variant),*
        }

        /// Every name, in the order of [`Count`].
        pub const NAMES: &[&str] = &[$($name),*];
    };
}

counts! {
    Malformed "dropped_malformed" "From the network: no `WireGuard` message.",
    UnknownIndex "dropped_unknown_index" "A transport message of a session we do not have.",
    Expired "dropped_expired" "Of a session past its life or its last counter.",
    Forged "dropped_forged" "Its tag is wrong.",
    Replayed "dropped_replayed" "Its counter was accepted before, or is too old.",
    InnerMalformed "dropped_inner_malformed" "What it carried is no IP packet.",
    WrongSource "dropped_wrong_source" "What it carried may not come from this peer.",
    InnerFull "dropped_inner_full" "The inner side takes no more.",
    InnerError "dropped_inner_error" "The inner side refused it.",
    NoIdentity "dropped_no_identity" "A handshake message while we have no key.",
    BadMac1 "dropped_bad_mac1" "A handshake message from somebody who does not know our key.",
    Unexpected "dropped_unexpected" "A response or a cookie reply that nobody awaits.",
    RateLimited "dropped_rate_limited" "A handshake message beyond what one source may send.",
    QueueFull "dropped_queue_full" "A handshake message; control does not keep up.",
    OutboundMalformed "dropped_outbound_malformed" "From the inner side: no IP packet.",
    NoRoute "dropped_no_route" "No peer has its destination.",
    NoEndpoint "dropped_no_endpoint" "Nobody knows where its peer is.",
    TooBig "dropped_too_big" "No datagram can carry it.",
    Down "dropped_down" "There are no sockets.",
    Staged "dropped_staged" "Waited for a session and had to give way.",
    Abandoned "dropped_abandoned" "Waited for a session that never came.",
    OuterFull "dropped_outer_full" "The UDP socket stayed full.",
    OuterError "dropped_outer_error" "The host refused to send.",
    Truncated "dropped_truncated" "Longer than any packet can be.",
    CookieReplies "cookie_replies_sent" "Cookie replies sent.",
    Answers "answers_sent" "ICMP sent toward the inner side.",
    JoiningRefused "joining_refused" "The inner side takes trains no longer.",
    GsoRefused "gso_refused" "A train had to go one by one.",
    SourceCleared "source_cleared" "The local address of a peer stopped working.",
}

/// All counts of one plane; any thread may add to them.
#[derive(Debug)]
pub struct Counters([AtomicU64; NAMES.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Counters {
    /// Counts `times` more.
    pub fn add(&self, what: Count, times: usize) {
        self.0[what as usize].fetch_add(times as u64, Ordering::Relaxed);
    }

    /// Returns how often something was counted.
    pub fn get(&self, what: Count) -> u64 {
        self.0[what as usize].load(Ordering::Relaxed)
    }

    /// Returns every name with its count.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        NAMES.iter().zip(&self.0).map(|(name, count)| (*name, count.load(Ordering::Relaxed)))
    }
}
