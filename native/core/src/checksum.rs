//! The Internet checksum (RFC 1071) over headers and payloads.
//!
//! A sum here is any number congruent to the sum of the 16-bit words modulo 65535. As 2^16 is 1
//! modulo 65535, header fields of 16 or 32 bits may be added to it as they are, and it does not
//! matter in which byte order the words are added, as long as the result is turned around at the
//! end. [`sum`] and [`copy_and_sum`] return at most 65535, so billions of them fit into a `u64`;
//! [`complement`] and [`is_zero`] reduce.

/// Bytes added in one step: eight lanes, which the compiler keeps in vector registers.
const BLOCK: usize = 32;

/// Returns the sum of the 16-bit words of `data`; an odd last byte is the upper half of a word.
pub fn sum(data: &[u8]) -> u64 {
    let mut lanes = Lanes::default();
    let mut blocks = data.chunks_exact(BLOCK);
    for block in &mut blocks {
        lanes.add(block);
    }
    lanes.total(blocks.remainder())
}

/// Copies `from` to `to` and returns its sum, in one pass.
///
/// # Panics
/// If they differ in length.
pub fn copy_and_sum(from: &[u8], to: &mut [u8]) -> u64 {
    assert_eq!(from.len(), to.len(), "a copy as long as the original");
    let mut lanes = Lanes::default();
    let mut sources = from.chunks_exact(BLOCK);
    let mut targets = to.chunks_exact_mut(BLOCK);
    for (source, target) in (&mut sources).zip(&mut targets) {
        target.copy_from_slice(source);
        lanes.add(source);
    }
    let rest = sources.remainder();
    targets.into_remainder().copy_from_slice(rest);
    lanes.total(rest)
}

/// Returns the value of a checksum field (1 to 65535) that makes `total` come out right.
///
/// Of the two forms of zero it gives 65535, since 0 means "no checksum" in UDP.
pub fn complement(total: u64) -> u16 {
    0xFFFF - reduce(total)
}

/// Returns `total` modulo 65535.
pub fn reduce(total: u64) -> u16 {
    (total % 0xFFFF) as u16
}

/// Whether all that was added to `total` is right, its checksum included.
pub fn is_zero(total: u64) -> bool {
    reduce(total) == 0
}

/// Returns what takes `word` out of a sum again.
pub fn negative(word: u16) -> u64 {
    u64::from(!word)
}

/// Returns the checksum `check` after a covered 16-bit word went from `old` to `new`.
///
/// RFC 1624, equation 3: a field that was right stays right, one that was wrong stays wrong.
pub fn amend(check: u16, old: u16, new: u16) -> u16 {
    !fold(u64::from(!check) + u64::from(!old) + u64::from(new))
}

/// Returns a congruent number of 16 bits, which is 0 only if `total` is.
fn fold(total: u64) -> u16 {
    let total = (total >> 32) + (total & 0xFFFF_FFFF);
    let total = (total >> 32) + (total & 0xFFFF_FFFF);
    let total = (total >> 16) + (total & 0xFFFF);
    let total = (total >> 16) + (total & 0xFFFF);
    total as u16
}

/// Sums of every eighth 32-bit word, in the byte order of the machine.
#[derive(Default)]
struct Lanes([u64; BLOCK / 4]);

impl Lanes {
    /// Adds a block of [`BLOCK`] bytes.
    #[inline]
    fn add(&mut self, block: &[u8]) {
        for (lane, word) in self.0.iter_mut().zip(block.chunks_exact(4)) {
            *lane += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        }
    }

    /// Returns the sum with that of the last bytes, in network order.
    #[inline]
    fn total(self, rest: &[u8]) -> u64 {
        let mut total: u64 = self.0.iter().sum();
        let mut words = rest.chunks_exact(4);
        for word in &mut words {
            total += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        }
        let mut last = [0; 4];
        let rest = words.remainder();
        last[..rest.len()].copy_from_slice(rest);
        total += u64::from(u32::from_ne_bytes(last));
        u64::from(u16::from_be(fold(total)))
    }
}
