//! The native plane's pure core: packets, datagrams and time in; the same out.
//!
//! No socket, no clock, no thread and no randomness of its own. `cargo test` alone proves it; the
//! shell around it (`wiresnake-plane`) owns descriptors and threads.

pub mod addresses;
pub mod checksum;
pub mod claims;
pub mod coalesce;
pub mod commands;
pub mod constants;
pub mod cookies;
pub mod core;
pub mod counters;
pub mod decode;
pub mod doorman;
pub mod ecn;
pub mod encode;
pub mod hash;
mod headers;
pub mod icmp;
mod inbound;
pub mod incoming;
pub mod joined;
pub mod notices;
mod outbound;
pub mod outgoing;
pub mod peers;
pub mod ratelimit;
pub mod replay;
pub mod routes;
pub mod segment;
pub mod sessions;
mod slab;
pub mod staging;
pub mod stepped;
pub mod transport;
pub mod validation;
pub mod virtio;
