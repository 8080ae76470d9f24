//! Any packets, joined and cut again: each comes out once, and each flow in its order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wiresnake_core::claims::source_and_length;
use wiresnake_core::coalesce::Coalescer;
use wiresnake_core::joined::Span;
use wiresnake_core::segment::Train;
use wiresnake_core::virtio::{self, Header};

fuzz_target!(|bytes: &[u8]| {
    let Some((offloads, mut rest)) = bytes.split_first() else { return };
    let mut buffer = vec![0xEE; 16];
    let mut spans = Vec::new();
    // Each packet has its length before it, and is what the core lets pass: as long as it says.
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)) % 2048;
        let (packet, behind) = behind.split_at(length.min(behind.len()));
        rest = behind;
        let Some((_, length)) = source_and_length(packet) else { continue };
        let start = buffer.len() as u32;
        buffer.extend(&packet[..length]);
        spans.push(Span { start, end: buffer.len() as u32 });
    }
    let mut coalescer = Coalescer::new(offloads & 1 != 0, offloads & 2 != 0);
    for span in &spans {
        coalescer.add(&buffer, *span);
    }
    let mut came = Vec::new();
    for frame in coalescer.take(&buffer) {
        came.extend(frame.packets().iter().map(|span| (span.start, span.end)));
        let payloads = frame.payloads().flat_map(|span| &buffer[span.range()]);
        let mut written: Vec<u8> = frame.head().iter().chain(payloads).copied().collect();
        let mut hint = Header::read(&written).expect("every frame has a virtio header");
        if hint.gso != virtio::GSO_NONE && hint.flags & virtio::NEEDS_CSUM == 0 {
            // A train of TCP comes with its checksum, which the kernel looks at before it cuts.
            hint.flags = virtio::NEEDS_CSUM;
            hint.csum_start = if written[virtio::SIZE] >> 4 == 4 { 20 } else { 40 };
            hint.csum_offset = 16;
            written[..virtio::SIZE].copy_from_slice(&hint.to_bytes());
        }
        let train = Train::read(&mut written).expect("what we write can be cut");
        let lengths: Vec<_> = (0..train.count()).map(|index| train.length(index)).collect();
        let wanted: Vec<_> = frame.packets().iter().map(|span| span.range().len()).collect();
        assert_eq!(lengths, wanted);
    }
    came.sort_unstable();
    let given: Vec<_> = spans.iter().map(|span| (span.start, span.end)).collect();
    assert_eq!(came, given);
});
