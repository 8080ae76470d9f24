//! Any bytes as a batch: read and carried out, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wiresnake_core::commands::{Command, PeerCommand};
use wiresnake_core::decode;
use wiresnake_core::stepped::Stepped;

fuzz_target!(|bytes: &[u8]| {
    let _read = decode::numbers(bytes);
    let _read = decode::path(bytes);
    let Ok(batch) = decode::commands(bytes) else { return };
    let mut core = Stepped::new(Box::new(|bytes| bytes.fill(7)));
    let known = [1, 2].map(|number| Command::Peer(number, PeerCommand::Add));
    core.apply(known.into(), 1.0).unwrap();
    if core.apply(batch, 2.0).is_ok() {
        core.inner(&[0x45; 64], 3.0);
        core.drain();
    }
});
