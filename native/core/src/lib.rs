//! The native plane's pure core: packets, datagrams and time in; the same out.
//!
//! No socket, no clock, no thread and no randomness of its own. `cargo test` alone proves it; the
//! shell around it (`wiresnake-plane`) owns descriptors and threads.

pub mod addresses;
pub mod constants;
pub mod cookies;
pub mod counters;
pub mod doorman;
pub mod ratelimit;
pub mod replay;
pub mod routes;
mod slab;
pub mod staging;
