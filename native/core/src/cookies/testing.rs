//! What the other end does, for tests: fill in macs and open cookie replies.

use blake2::digest::Mac;
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};

use super::{LABEL_COOKIE, hash, keyed, mac1_key};

pub fn seal_mac1(body: &[u8], recipient: &[u8; 32]) -> Vec<u8> {
    let mac1 = mac1_key(recipient).0.chain_update(body).finalize().into_bytes();
    [body, &mac1, &[0; 16]].concat()
}

pub fn seal_mac2(message: &[u8], cookie: &[u8; 16]) -> Vec<u8> {
    let body = &message[..message.len() - 16];
    [body, &keyed(cookie).chain_update(body).finalize().into_bytes()].concat()
}

/// What the sender of `message` does with the reply: open it with our public key and its mac1.
pub fn open(reply: &[u8; 64], message: &[u8], public: &[u8; 32]) -> Option<[u8; 16]> {
    let aead = XChaCha20Poly1305::new(&hash(LABEL_COOKIE, public));
    let nonce: [u8; 24] = reply[8..32].try_into().unwrap();
    let mut cookie: [u8; 16] = reply[32..48].try_into().unwrap();
    let tag: [u8; 16] = reply[48..].try_into().unwrap();
    let mac1 = &message[message.len() - 32..message.len() - 16];
    let sealed = InOutBuf::from(&mut cookie[..]);
    aead.decrypt_inout_detached(&nonce.into(), mac1, sealed, &tag.into()).ok()?;
    Some(cookie)
}
