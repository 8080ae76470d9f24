//! The native plane's pure core: packets, datagrams and time in; the same out.
//!
//! No socket, no clock, no thread and no randomness of its own. `cargo test` alone proves it; the
//! shell around it (`wiresnake-plane`) owns descriptors and threads.

pub mod addresses;
pub mod checksum;
pub mod coalesce;
pub mod counters;
pub mod ecn;
mod headers;
pub mod icmp;
pub mod joined;
pub mod segment;
pub mod virtio;
