//! Against exchanges recorded from another implementation (tests/vectors/README.md), and what a
//! cookie is bound to.

use proptest::prelude::*;

use super::testing::{open, seal_mac1, seal_mac2};
use super::*;
use crate::constants::{INITIATION_SIZE, RESPONSE_SIZE, TYPE_INITIATION, TYPE_RESPONSE};

const OURS: [u8; 32] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef";
const RECORDED: &str = include_str!("../../../../tests/vectors/wireguard_handshake.json");

/// Every value of a key of the recording, in the order of its cases.
fn recorded(key: &str) -> Vec<Vec<u8>> {
    let quoted = format!("\"{key}\": \"");
    let values = RECORDED.split(&quoted).skip(1).map(|rest| rest.split('"').next().unwrap());
    let bytes = |hex: &str| u8::from_str_radix(hex, 16).unwrap();
    values
        .map(|hex| (0..hex.len()).step_by(2).map(|at| bytes(&hex[at..at + 2])).collect())
        .collect()
}

fn key_of(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap()
}

fn endpoint(text: &str) -> Endpoint {
    text.parse().unwrap()
}

/// Random bytes for a test: each draw differs from all others.
fn counting() -> impl FnMut(&mut [u8]) {
    let mut drawn = 0;
    move |place| {
        drawn += 1;
        place.fill(drawn);
    }
}

fn message(kind: u32, size: usize) -> Vec<u8> {
    let mut body = [kind.to_le_bytes(), 7u32.to_le_bytes()].concat();
    body.resize(size - MACS_SIZE, b'e');
    seal_mac1(&body, &OURS)
}

fn initiation() -> Vec<u8> {
    message(TYPE_INITIATION, INITIATION_SIZE)
}

fn response() -> Vec<u8> {
    message(TYPE_RESPONSE, RESPONSE_SIZE)
}

/// A maker with its source of randomness.
struct End<R>(CookieMaker, R);

impl<R: FnMut(&mut [u8])> End<R> {
    fn reply(&mut self, message: &[u8], source: &Endpoint, now: Instant) -> [u8; 64] {
        self.0.reply(message, source, now, &mut self.1).unwrap()
    }

    fn cookie(&mut self, source: &Endpoint, now: Instant) -> [u8; 16] {
        let message = initiation();
        open(&self.reply(&message, source, now), &message, &OURS).unwrap()
    }

    fn honours(&mut self, message: &[u8], source: &Endpoint, now: Instant) -> bool {
        self.0.has_valid_mac2(message, source, now, &mut self.1)
    }
}

fn end() -> End<impl FnMut(&mut [u8])> {
    End(CookieMaker::new(&OURS), counting())
}

fn here() -> Endpoint {
    endpoint("192.0.2.7:51820")
}

#[test]
fn recorded_mac1_both_ways() {
    let initiations = recorded("initiation").into_iter().zip(recorded("responder_public"));
    let responses = recorded("response").into_iter().zip(recorded("initiator_public"));
    let messages: Vec<_> = initiations.chain(responses).collect();
    assert!(messages.len() >= 4);
    for (message, recipient) in messages {
        let recipient = key_of(&recipient);
        assert!(has_valid_mac1(&mac1_key(&recipient), &message));
        assert!(!has_valid_mac1(&mac1_key(&OURS), &message));
        assert_eq!(seal_mac1(&message[..message.len() - 32], &recipient), message);
    }
}

#[test]
fn recorded_cookie_exchanges() {
    let publics = recorded("responder_public");
    assert!(publics.len() >= 2);
    for (case, public) in publics.iter().enumerate() {
        let value = |key: &str| recorded(key)[case].clone();
        let bytes = value("source_bytes");
        let (host, port) = bytes.split_last_chunk::<2>().unwrap();
        let host = match <[u8; 4]>::try_from(host) {
            Ok(four) => IpAddr::from(four),
            Err(_) => IpAddr::from(<[u8; 16]>::try_from(host).unwrap()),
        };
        let source = Endpoint::new(host, u16::from_be_bytes(*port));
        let mut draws = vec![value("secret"), value("nonce")];
        let random = |place: &mut [u8]| place.copy_from_slice(&draws.pop().unwrap());
        let mut end = End(CookieMaker::new(&key_of(public)), random);
        let initiation = value("initiation");
        let reply = end.reply(&initiation, &source, 10.0);
        assert_eq!(reply.to_vec(), value("reply"));
        let cookie = open(&reply, &initiation, &key_of(public)).unwrap();
        assert_eq!(cookie.to_vec(), value("cookie"));
        let proven = seal_mac2(&initiation, &cookie);
        assert_eq!(proven, value("initiation_with_mac2"));
        assert!(end.honours(&proven, &source, 10.0));
        assert!(!end.honours(&initiation, &source, 10.0));
    }
}

#[test]
fn what_is_too_short_has_no_macs_and_no_answer() {
    let (mut end, here) = (end(), here());
    for size in 0..32 {
        let short = vec![1; size];
        assert!(!has_valid_mac1(&mac1_key(&OURS), &short));
        assert!(!end.honours(&short, &here, 1.0));
        assert_eq!(end.0.reply(&short, &here, 1.0, &mut end.1), None);
    }
}

#[test]
fn a_reply_names_the_sender_and_has_a_nonce_of_its_own() {
    let (mut end, here) = (end(), here());
    let mut nonces = std::collections::BTreeSet::new();
    for message in [initiation(), response()] {
        for _ in 0..20 {
            let reply = end.reply(&message, &here, 1.0);
            assert_eq!(reply[..8], [3, 0, 0, 0, 7, 0, 0, 0]);
            assert!(nonces.insert(reply[8..32].to_vec()));
            assert!(open(&reply, &message, &OURS).is_some());
        }
    }
    assert_eq!(open(&end.reply(&initiation(), &here, 1.0), &response(), &OURS), None);
}

#[test]
fn a_cookie_is_bound_to_address_and_port() {
    let (mut end, here) = (end(), here());
    let proven = seal_mac2(&initiation(), &end.cookie(&here, 1.0));
    assert!(end.honours(&proven, &here, 1.0));
    for elsewhere in ["192.0.2.7:51821", "192.0.2.8:51820", "[::ffff:192.0.2.7]:51820"] {
        assert!(!end.honours(&proven, &endpoint(elsewhere), 1.0));
    }
}

#[test]
fn a_cookie_serves_ipv6_and_forgets_the_scope() {
    let mut end = end();
    let source = endpoint("[fe80::1]:51820");
    let proven = seal_mac2(&response(), &end.cookie(&source, 1.0));
    assert!(end.honours(&proven, &source, 1.0));
    assert!(end.honours(&proven, &endpoint("[fe80::1%3]:51820"), 1.0));
    assert!(!end.honours(&proven, &endpoint("[fe80::2]:51820"), 1.0));
}

#[test]
fn the_secret_turns_after_its_age_and_the_old_one_counts_no_more() {
    let (mut end, here) = (end(), here());
    let age = COOKIE_SECRET_MAX_AGE;
    let proven = seal_mac2(&initiation(), &end.cookie(&here, 1.0));
    assert!(end.honours(&proven, &here, 1.0 + age - 0.001));
    assert!(!end.honours(&proven, &here, 1.0 + age));
    let proven = seal_mac2(&initiation(), &end.cookie(&here, 1.0 + age));
    assert!(end.honours(&proven, &here, 1.0 + 2.0 * age - 0.001));
}

#[test]
fn before_any_cookie_was_given_none_is_valid() {
    let (mut end, here) = (end(), here());
    assert!(!end.honours(&initiation(), &here, 1.0));
    assert!(!end.honours(&seal_mac2(&initiation(), &[0; 16]), &here, 1.0));
    // One who guesses that the secret is still all zeros
    let mut zeros = End(CookieMaker::new(&OURS), |place: &mut [u8]| place.fill(0));
    let guessed = seal_mac2(&initiation(), &zeros.cookie(&here, 1.0));
    assert!(!end.honours(&guessed, &here, 1.0));
}

#[test]
fn a_maker_does_not_show_what_it_holds() {
    let mut end = end();
    end.cookie(&here(), 1.0);
    assert_eq!(format!("{:?}", end.0), "CookieMaker(secret hidden)");
}

proptest! {
    #[test]
    fn mac1_covers_every_bit_before_mac2(bit in 0..(INITIATION_SIZE - 16) * 8) {
        let mut message = initiation();
        prop_assert!(has_valid_mac1(&mac1_key(&OURS), &message));
        message[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!has_valid_mac1(&mac1_key(&OURS), &message));
    }

    #[test]
    fn mac2_covers_every_bit(bit in 0..INITIATION_SIZE * 8) {
        let (mut end, here) = (end(), here());
        let mut proven = seal_mac2(&initiation(), &end.cookie(&here, 1.0));
        prop_assert!(end.honours(&proven, &here, 1.0));
        proven[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!end.honours(&proven, &here, 1.0));
    }
}
