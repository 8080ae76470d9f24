//! The packet craft: sums, trains cut and joined, congestion marks, ICMP answers.

mod checksum;
mod coalesce;
mod ecn;
mod icmp;
mod joined;
mod packets;
mod segment;
mod trains;
mod virtio;
