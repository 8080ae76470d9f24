//! Fast sums say what RFC 1071 says word by word.

use proptest::collection::vec;
use proptest::prelude::*;
use wiresnake_core::checksum::{amend, complement, copy_and_sum, is_zero, negative, reduce, sum};

use crate::packets::internet_checksum;

/// Returns the checksum with 0 for both forms of zero.
fn expected(data: &[u8]) -> u16 {
    internet_checksum(data) % 0xFFFF
}

proptest! {
    #[test]
    fn a_sum_is_that_of_the_words(data in vec(any::<u8>(), 0..700)) {
        prop_assert_eq!(complement(sum(&data)) % 0xFFFF, expected(&data));
        prop_assert!(sum(&data) <= 0xFFFF);
    }

    #[test]
    fn a_copy_has_the_sum_of_the_original(data in vec(any::<u8>(), 0..700)) {
        let mut copy = vec![0xEE; data.len()];
        prop_assert_eq!(copy_and_sum(&data, &mut copy), sum(&data));
        prop_assert_eq!(copy, data);
    }

    #[test]
    fn a_checksum_makes_the_sum_come_out_and_is_never_zero(words in vec(any::<u16>(), 1..30)) {
        let data: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        let check = complement(sum(&data));
        prop_assert!(check > 0);
        prop_assert!(is_zero(sum(&data) + u64::from(check)));
    }

    #[test]
    fn a_word_is_taken_out_again(data in vec(any::<u8>(), 0..80), word in any::<u16>()) {
        let with = sum(&data) + u64::from(word);
        prop_assert_eq!(reduce(with + negative(word)), reduce(sum(&data)));
    }

    #[test]
    fn amending_a_word_is_as_good_as_summing_again(
        mut words in vec(any::<u16>(), 1..10), which in any::<prop::sample::Index>(),
        new in any::<u16>(), error in any::<u16>(),
    ) {
        let bytes = |words: &[u16]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<_>>();
        let before = bytes(&words);
        let old = std::mem::replace(which.get_mut(&mut words), new);
        let check = internet_checksum(&before) ^ error;
        let wrong_by = reduce(sum(&before) + u64::from(check));
        let amended = amend(check, old, new);
        prop_assert_eq!(reduce(sum(&bytes(&words)) + u64::from(amended)), wrong_by);
    }
}

#[test]
fn sums_of_any_size_are_right() {
    let data: Vec<u8> = (1..252).cycle().take(65536).collect();
    for size in [0, 1, 2, 31, 32, 33, 63, 64, 65, 255, 256, 1367, 1368, 65535, 65536] {
        assert_eq!(complement(sum(&data[..size])) % 0xFFFF, expected(&data[..size]), "{size}");
    }
    assert_eq!(reduce(sum(&vec![0xFF; 65536])), 0);
}

#[test]
fn the_example_of_the_rfc() {
    // RFC 1071, 3: the words 0001 f203 f4f5 f6f7 add up to ddf2.
    assert_eq!(sum(&[0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]), 0xDDF2);
}

#[test]
fn amending_gives_the_form_of_zero_of_rfc_1624() {
    // RFC 1624, 4: a checksum of dd2f, a word that goes from 5555 to 3285, gives 0000, not ffff.
    assert_eq!(amend(0xDD2F, 0x5555, 0x3285), 0x0000);
}
