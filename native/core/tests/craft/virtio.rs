//! The virtio header is what a kernel writes and reads.

use proptest::prelude::*;
use wiresnake_core::virtio::{Header, NO_OFFLOAD, SIZE};

#[test]
fn fields_lie_where_virtio_says() {
    let words = [54, 1400, 34, 16].map(u16::to_ne_bytes).concat();
    let bytes = [&[1, 0x81][..], &words].concat();
    let header = Header {
        flags: 1,
        gso: 0x81,
        header_length: 54,
        gso_size: 1400,
        csum_start: 34,
        csum_offset: 16,
    };
    assert_eq!(header.to_bytes()[..], bytes);
    assert_eq!(Header::read(&bytes), Some(header));
    assert_eq!(Header::default().to_bytes(), NO_OFFLOAD);
}

proptest! {
    #[test]
    fn a_header_is_read_as_it_was_written(bytes in any::<[u8; SIZE + 3]>(), size in 0..SIZE + 3) {
        match Header::read(&bytes[..size]) {
            Some(header) => prop_assert_eq!(&header.to_bytes()[..], &bytes[..SIZE]),
            None => prop_assert!(size < SIZE),
        }
    }
}
