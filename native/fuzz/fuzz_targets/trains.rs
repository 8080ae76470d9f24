//! Any bytes as a frame with a virtio header: cut to segments that make up the whole, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wiresnake_core::segment::Train;
use wiresnake_core::virtio;

fuzz_target!(|bytes: &[u8]| {
    let mut frame = bytes.to_vec();
    let Ok(train) = Train::read(&mut frame) else { return };
    let packet = &frame[virtio::SIZE..];
    let mut segment = Vec::new();
    let mut tail = Vec::new();
    for index in 0..train.count() {
        segment.clear();
        segment.resize(train.length(index), 0);
        train.write(packet, index, &mut segment);
        tail.push(segment.len());
    }
    // Each segment repeats the headers, which therefore cannot be longer than the shortest.
    let headers = if train.count() > 1 {
        (tail.iter().sum::<usize>() - packet.len()) / (train.count() - 1)
    } else {
        0
    };
    assert!(tail.iter().all(|length| *length > headers || packet.is_empty()));
});
