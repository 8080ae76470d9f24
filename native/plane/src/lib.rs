//! The I/O shell of the native plane: descriptors and threads around the pure core.
//!
//! Threads that read the inner side seal and send; threads that read the network open and deliver.
//! Each runs its packets to completion: what it read it sends itself.

pub mod inner;
pub mod plane;
pub mod udp;

mod events;
mod inward;
mod outer;
mod outward;
mod shared;
mod turnstile;
