//! Sealing and opening transport messages in place (paper 5.4.6).

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::constants::{KEY_SIZE, TAG_SIZE, TRANSPORT_HEADER_SIZE};

/// The type of a transport message and its three reserved bytes.
pub const TRANSPORT: [u8; 4] = [4, 0, 0, 0];

/// One of the two keys of a session, erased when the session ends.
///
/// It lies where it was first written until then: moving an array would leave a copy behind that
/// nobody erases.
pub struct Key(Box<Zeroizing<[u8; KEY_SIZE]>>);

impl Key {
    /// Takes a copy of the bytes of a key.
    pub fn copy(bytes: &[u8; KEY_SIZE]) -> Self {
        let mut key = Box::new(Zeroizing::new([0; KEY_SIZE]));
        key.copy_from_slice(bytes);
        Self(key)
    }

    /// Returns the cipher under this key. It is made for each train, since the library cannot be
    /// told to erase one; so a key lives in memory only here and, for microseconds, on a stack.
    pub fn cipher(&self) -> Cipher {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &**self.0);
        Cipher(LessSafeKey::new(key.expect("a key of 32 bytes")))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key(hidden)")
    }
}

/// ChaCha20-Poly1305 under one key.
pub struct Cipher(LessSafeKey);

impl Cipher {
    /// Seals all of `message` but its first 16 and last 16 bytes: the header is written before and
    /// the tag behind them.
    ///
    /// # Panics
    /// If `message` is shorter than 32 bytes, which no caller makes.
    pub fn seal(&self, receiver: u32, counter: u64, message: &mut [u8]) {
        let (header, rest) = message.split_at_mut(TRANSPORT_HEADER_SIZE);
        header[..4].copy_from_slice(&TRANSPORT);
        header[4..8].copy_from_slice(&receiver.to_le_bytes());
        header[8..].copy_from_slice(&counter.to_le_bytes());
        let (plain, place) = rest.split_at_mut(rest.len() - TAG_SIZE);
        let tag = self.0.seal_in_place_separate_tag(nonce(counter), Aad::empty(), plain);
        place.copy_from_slice(tag.expect("a packet is no longer than 64 KiB").as_ref());
    }

    /// Opens a sealed packet with its tag where it lies; whether it was authentic. What a forged one
    /// leaves there is undefined.
    pub fn open_untrusted(&self, counter: u64, sealed: &mut [u8]) -> bool {
        self.0.open_in_place(nonce(counter), Aad::empty(), sealed).is_ok()
    }
}

/// Four zero bytes, then the counter.
fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}
