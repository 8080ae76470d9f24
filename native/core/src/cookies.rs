//! The two macs of a handshake message, and the cookies of an end under load (paper 5.3, 5.4.4,
//! 5.4.7).
//!
//! mac1 proves that the sender knows who we are; mac2 that it receives what is sent to its address.
//! Both cost one hash, so they are checked before any Diffie-Hellman.

use std::fmt;
use std::net::IpAddr;

use blake2::digest::consts::U16;
use blake2::digest::{Mac, Output};
use blake2::{Blake2s256, Blake2sMac, Digest};
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::addresses::{Endpoint, Instant, NEVER};
use crate::constants::{
    COOKIE_REPLY_SIZE, COOKIE_SECRET_MAX_AGE, KEY_SIZE, MAC_SIZE, MACS_SIZE, TYPE_COOKIE_REPLY,
};

/// Fills a slice with random bytes.
pub type Random<'a> = dyn FnMut(&mut [u8]) + 'a;

type Mac16 = Blake2sMac<U16>;

const LABEL_MAC1: &[u8] = b"mac1----";
const LABEL_COOKIE: &[u8] = b"cookie--";
const NONCE_SIZE: usize = 24;
const SENDER: std::ops::Range<usize> = 4..8;

/// The key of mac1 in messages toward one static public key.
#[derive(Clone)]
pub struct Mac1Key(Mac16);

/// Returns the key of mac1 in messages toward this static public key.
pub fn mac1_key(recipient: &[u8; KEY_SIZE]) -> Mac1Key {
    Mac1Key(Mac16::new(&hash(LABEL_MAC1, recipient)))
}

/// Whether an initiation or response has the mac1 that `key` gives; a shorter datagram has none.
#[inline]
pub fn has_valid_mac1(key: &Mac1Key, datagram: &[u8]) -> bool {
    let Some((body, macs)) = datagram.split_last_chunk::<MACS_SIZE>() else {
        return false;
    };
    key.0.clone().chain_update(body).verify_slice(&macs[..MAC_SIZE]).is_ok()
}

/// Makes and checks cookies for the senders of handshake messages, while under load.
///
/// A cookie is a mac over the sender's address and port under a secret of our own, so nothing is
/// remembered about anybody. The secret lives 120 s; the one before it counts no more, hence a
/// cookie is never honoured for longer than that. It is erased when the maker is dropped.
pub struct CookieMaker {
    aead: XChaCha20Poly1305,
    secret: [u8; KEY_SIZE],
    secret_ends: Instant,
}

impl CookieMaker {
    /// Makes cookies for messages toward our static public key.
    pub fn new(public: &[u8; KEY_SIZE]) -> Self {
        Self {
            aead: XChaCha20Poly1305::new(&hash(LABEL_COOKIE, public)),
            secret: [0; KEY_SIZE],
            secret_ends: -NEVER,
        }
    }

    /// Whether mac2 was made with the cookie that `source` would be given now.
    pub fn has_valid_mac2(
        &mut self,
        datagram: &[u8],
        source: &Endpoint,
        now: Instant,
        random: &mut Random,
    ) -> bool {
        let Some((body, mac2)) = datagram.split_last_chunk::<MAC_SIZE>() else {
            return false;
        };
        let cookie = self.cookie(source, now, random);
        keyed(&cookie).chain_update(body).verify_slice(mac2).is_ok()
    }

    /// Returns the cookie reply to an initiation or response with a valid mac1; `None` if the
    /// datagram is too short to be either.
    ///
    /// It is shorter than what it answers, so it amplifies nothing.
    pub fn reply(
        &mut self,
        datagram: &[u8],
        source: &Endpoint,
        now: Instant,
        random: &mut Random,
    ) -> Option<[u8; COOKIE_REPLY_SIZE]> {
        let sender = datagram.get(SENDER)?;
        let (_, macs) = datagram.split_last_chunk::<MACS_SIZE>()?;
        let mut nonce = [0; NONCE_SIZE];
        random(&mut nonce);
        let mut cookie = self.cookie(source, now, random);
        let sealed = InOutBuf::from(&mut cookie[..]);
        let tag =
            self.aead.encrypt_inout_detached(&nonce.into(), &macs[..MAC_SIZE], sealed).ok()?;
        let mut reply = [0; COOKIE_REPLY_SIZE];
        let mut rest = &mut reply[..];
        for part in [&TYPE_COOKIE_REPLY.to_le_bytes(), sender, &nonce, &cookie, &tag] {
            let (place, after) = rest.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = after;
        }
        Some(reply)
    }

    fn cookie(&mut self, source: &Endpoint, now: Instant, random: &mut Random) -> [u8; MAC_SIZE] {
        if now >= self.secret_ends {
            random(&mut self.secret);
            self.secret_ends = now + COOKIE_SECRET_MAX_AGE;
        }
        let mac = Mac16::new((&self.secret).into());
        let mac = match source.ip() {
            IpAddr::V4(four) => mac.chain_update(four.octets()),
            IpAddr::V6(six) => mac.chain_update(six.octets()),
        };
        mac.chain_update(source.port().to_be_bytes()).finalize().into_bytes().into()
    }
}

impl Drop for CookieMaker {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl ZeroizeOnDrop for CookieMaker {}

impl fmt::Debug for CookieMaker {
    fn fmt(&self, form: &mut fmt::Formatter<'_>) -> fmt::Result {
        form.write_str("CookieMaker(secret hidden)")
    }
}

fn hash(label: &[u8], public: &[u8; KEY_SIZE]) -> Output<Blake2s256> {
    Blake2s256::new().chain_update(label).chain_update(public).finalize()
}

/// Returns MAC under a cookie. The library asks for a whole key; a shorter one is another function.
fn keyed(cookie: &[u8; MAC_SIZE]) -> Mac16 {
    <Mac16 as KeyInit>::new_from_slice(cookie).expect("16 bytes are no more than 32")
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
