//! Joining packets to frames, and taking frames apart as a kernel does.

use wiresnake_core::coalesce::Coalescer;
use wiresnake_core::joined::Span;
use wiresnake_core::segment::Train;
use wiresnake_core::virtio::{self, Header};

use crate::packets::{internet_checksum, is_whole};

/// Returns the packets in one buffer, with something between them, and where they lie.
pub fn received(packets: &[Vec<u8>]) -> (Vec<u8>, Vec<Span>) {
    let mut buffer = vec![0xEE; 16];
    let mut spans = Vec::new();
    for packet in packets {
        let start = buffer.len() as u32;
        buffer.extend(packet);
        spans.push(Span { start, end: buffer.len() as u32 });
        buffer.extend([0xEE; 32]);
    }
    (buffer, spans)
}

/// Joins packets to frames, each as the bytes of one write.
pub fn joined_by(coalescer: &mut Coalescer, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (buffer, spans) = received(packets);
    for span in spans {
        coalescer.add(&buffer, span);
    }
    let frames = coalescer.take(&buffer).iter().map(|frame| {
        let payloads = frame.payloads().flat_map(|span| &buffer[span.range()]);
        frame.head().iter().chain(payloads).copied().collect()
    });
    frames.collect()
}

/// Joins packets to frames for an inner side that accepts all trains.
pub fn joined(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    joined_by(&mut Coalescer::new(true, true), packets)
}

/// Cuts a frame as it comes from the inner side; `None` if it is malformed.
pub fn cut(frame: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut frame = frame.to_vec();
    let train = Train::read(&mut frame).ok()?;
    let segments = (0..train.count()).map(|index| {
        let mut segment = vec![0xEE; train.length(index)];
        train.write(&frame[virtio::SIZE..], index, &mut segment);
        segment
    });
    Some(segments.collect())
}

/// Takes a frame apart as a kernel does, its checksum verified.
pub fn parted(frame: &[u8]) -> Vec<Vec<u8>> {
    let hint = Header::read(frame).expect("every frame has a virtio header");
    let mut packet = frame[virtio::SIZE..].to_vec();
    if hint.gso == virtio::GSO_NONE {
        assert_eq!(hint, Header::default());
        return vec![packet];
    }
    let start = if packet[0] >> 4 == 4 { 20 } else { 40 };
    let tcp = hint.gso & !virtio::GSO_ECN != virtio::GSO_UDP_L4;
    let offset = if tcp { 16 } else { 6 };
    if hint.flags & virtio::NEEDS_CSUM != 0 {
        assert_eq!(usize::from(hint.csum_start), start);
    } else {
        assert!(tcp);
        assert!(is_whole(&packet), "a kernel would find this train's checksum wrong");
        let at = start + offset;
        packet[at..at + 2].fill(0);
        let mut pseudo = packet[if start == 20 { 12..20 } else { 8..40 }].to_vec();
        pseudo.extend((packet.len() as u32 - start as u32).to_be_bytes());
        pseudo.extend([0, 0, 0, 6]);
        packet[at..at + 2].copy_from_slice(&(!internet_checksum(&pseudo)).to_be_bytes());
    }
    let header = start + if tcp { 4 * usize::from(packet[start + 12] >> 4) } else { 8 };
    assert_eq!(usize::from(hint.header_length), header);
    let whole = Header {
        flags: virtio::NEEDS_CSUM,
        csum_start: start as u16,
        csum_offset: offset as u16,
        ..hint
    };
    cut(&[&whole.to_bytes(), packet.as_slice()].concat()).expect("a sound train")
}

/// Takes all frames apart.
pub fn parted_all(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    frames.iter().flat_map(|frame| parted(frame)).collect()
}

/// Returns how many packets each frame has.
pub fn counts(frames: &[Vec<u8>]) -> Vec<usize> {
    frames.iter().map(|frame| parted(frame).len()).collect()
}
