//! What the packet craft costs: `cargo run --release --example craft` prints nanoseconds a packet,
//! the best of many rounds.

use std::hint::black_box;
use std::time::Instant;

use wiresnake_core::checksum::{copy_and_sum, sum};
use wiresnake_core::coalesce::Coalescer;
use wiresnake_core::joined::Span;
use wiresnake_core::segment::Train;
use wiresnake_core::virtio::{self, Header};

const ROUNDS: usize = 300;
const REPEATED: u32 = 20;

/// Prints the best time of `step`, which handles `count` packets.
fn measure(what: &str, count: usize, mut step: impl FnMut()) {
    let best = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            (0..REPEATED).for_each(|_| step());
            begin.elapsed()
        })
        .min()
        .unwrap_or_default();
    println!("{what:36} {:8.1}", best.as_secs_f64() * 1e9 / f64::from(count as u32 * REPEATED));
}

/// Returns a train of one flow as a TUN gives it: TCP with timestamps or UDP, over IPv4 or IPv6.
fn train(tcp: bool, four: bool, port: u8, mss: usize, count: usize) -> Vec<u8> {
    let start = if four { 20 } else { 40 };
    let header = start + if tcp { 32 } else { 8 };
    let length = header + mss * count;
    let gso = match (tcp, four) {
        (false, _) => virtio::GSO_UDP_L4,
        (true, true) => virtio::GSO_TCPV4,
        (true, false) => virtio::GSO_TCPV6,
    };
    let hint = Header {
        flags: virtio::NEEDS_CSUM,
        gso,
        header_length: header as u16,
        gso_size: mss as u16,
        csum_start: start as u16,
        csum_offset: if tcp { 16 } else { 6 },
    };
    let mut packet: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
    packet[..header].fill(0);
    let protocol = if tcp { 6 } else { 17 };
    if four {
        packet[0] = 0x45;
        packet[2..4].copy_from_slice(&(length as u16).to_be_bytes());
        packet[6] = 0x40;
        packet[9] = protocol;
    } else {
        packet[0] = 0x60;
        packet[4..6].copy_from_slice(&(length as u16 - 40).to_be_bytes());
        packet[6] = protocol;
    }
    packet[start - 4] = 10;
    packet[start + 1] = port;
    let mut check = sum(&packet[if four { 12 } else { 8 }..start]) as u16;
    check += u16::from(protocol) + (length - start) as u16;
    if tcp {
        packet[start + 12] = 8 << 4;
        packet[start + 13] = 0x10;
    } else {
        packet[start + 4..start + 6].copy_from_slice(&((length - start) as u16).to_be_bytes());
    }
    let at = start + usize::from(hint.csum_offset);
    packet[at..at + 2].copy_from_slice(&check.to_be_bytes());
    [&hint.to_bytes(), packet.as_slice()].concat()
}

/// Returns the packets that a train stands for, each behind a header of 16 bytes.
fn received(mut frame: Vec<u8>) -> (Vec<u8>, Vec<Span>) {
    let train = Train::read(&mut frame).expect("a sound train");
    let mut buffer = Vec::new();
    let mut spans = Vec::new();
    for index in 0..train.count() {
        let start = buffer.len() + 16;
        buffer.resize(start + train.length(index), 0);
        train.write(&frame[virtio::SIZE..], index, &mut buffer[start..]);
        spans.push(Span { start: start as u32, end: buffer.len() as u32 });
    }
    (buffer, spans)
}

fn measure_cut(what: &str, mut frame: Vec<u8>) {
    let mut to = vec![0; 2048];
    let count = Train::read(&mut frame).expect("a sound train").count();
    measure(what, count, || {
        let train = Train::read(&mut frame).expect("a sound train");
        for index in 0..train.count() {
            let to = &mut to[..train.length(index)];
            train.write(&frame[virtio::SIZE..], index, to);
            black_box(to);
        }
    });
}

/// Measures the joining of several trains whose packets come by turns.
fn measure_join(what: &str, frames: Vec<Vec<u8>>) {
    let mut buffer = Vec::new();
    let mut spans = Vec::new();
    for frame in frames {
        let (bytes, theirs) = received(frame);
        let offset = buffer.len() as u32;
        buffer.extend(bytes);
        for (index, span) in theirs.into_iter().enumerate() {
            spans.push((index, Span { start: span.start + offset, end: span.end + offset }));
        }
    }
    spans.sort_by_key(|&(index, _)| index);
    let mut coalescer = Coalescer::new(true, true);
    measure(what, spans.len(), || {
        for &(_, span) in &spans {
            coalescer.add(&buffer, span);
        }
        black_box(coalescer.take(&buffer));
    });
}

fn main() {
    let from = vec![7; 1420];
    let mut to = vec![0; 1420];
    println!("{:36} ns a packet", "1420 bytes unless told otherwise");
    measure("sum", 1, || _ = black_box(sum(black_box(&from))));
    measure("copy and sum", 1, || _ = black_box(copy_and_sum(black_box(&from), &mut to)));
    measure("copy", 1, || black_box(&mut to).copy_from_slice(black_box(&from)));
    measure_cut("cut TCP over IPv4", train(true, true, 1, 1368, 44));
    measure_cut("cut TCP over IPv6", train(true, false, 1, 1348, 44));
    measure_cut("cut UDP over IPv4", train(false, true, 1, 1392, 44));
    measure_cut("cut UDP of 64 bytes", train(false, true, 1, 36, 44));
    measure_join("join TCP over IPv4", vec![train(true, true, 1, 1368, 44)]);
    measure_join("join TCP over IPv6", vec![train(true, false, 1, 1348, 44)]);
    measure_join("join UDP over IPv4", vec![train(false, true, 1, 1392, 44)]);
    measure_join("join UDP of 64 bytes", vec![train(false, true, 1, 36, 44)]);
    let flows = |count: u8| (0..count).map(|port| train(true, true, port, 1368, 44)).collect();
    measure_join("join 2 flows of TCP by turns", flows(2));
    measure_join("join 16 flows of TCP by turns", flows(16));
    let alone = (0..44).map(|port| train(true, true, port, 1368, 1)).collect();
    measure_join("join 44 flows of one packet each", alone);
}
