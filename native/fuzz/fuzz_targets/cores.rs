//! Two cores with a session, and between them whatever somebody wants: nothing forged is delivered.
#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use wiresnake_core::addresses::{NEVER, Prefix, Way};
use wiresnake_core::commands::{Command, NewSession, Path, PeerCommand};
use wiresnake_core::encode;
use wiresnake_core::stepped::Stepped;
use wiresnake_core::transport::Key;

const PEER: u64 = 1;

fn endpoint(side: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, side as u8 + 1], 51820))
}

fn core(side: usize) -> Stepped {
    let mut core = Stepped::new(Box::new(|bytes| bytes.fill(7)));
    let index = |side: usize| side as u32 + 1;
    let session = NewSession {
        local_index: index(side),
        remote_index: index(1 - side),
        send_key: Key::copy(&[side as u8; 32]),
        receive_key: Key::copy(&[1 - side as u8; 32]),
        initiator: side == 0,
        renew_on_send_at: 50.0,
        renew_on_receive_at: 60.0,
        dies_at: NEVER,
        first_counter: 0,
    };
    let address = [10, 0, 0, 2 - side as u8].into();
    let about = [
        PeerCommand::Add,
        PeerCommand::Route(vec![Prefix { address, length: 32 }]),
        PeerCommand::SetEndpoint(endpoint(1 - side)),
        PeerCommand::Install(Box::new(session)),
    ];
    let mut batch =
        vec![Command::Sockets { v4: Some(3), v6: None }, Command::Identity(Some([9; 32]))];
    batch.push(Command::Expect(index(side)));
    batch.extend(about.map(|command| Command::Peer(PEER, command)));
    core.apply(batch, 1.0).unwrap();
    core
}

fuzz_target!(|bytes: &[u8]| {
    let mut cores = [core(0), core(1)];
    // What one end sent and the other has not got.
    let mut under_way: [Vec<Vec<u8>>; 2] = Default::default();
    let mut rest = bytes;
    let mut now = 2.0;
    while let Some((&[what, length], behind)) = rest.split_first_chunk::<2>() {
        let (piece, behind) = behind.split_at(usize::from(length).min(behind.len()));
        rest = behind;
        now += 0.25;
        let side = usize::from(what & 1);
        let path = Path { way: Way::to(endpoint(1 - side)), at: now };
        match what >> 1 & 3 {
            0 => cores[side].inner(piece, now),
            1 => {
                let before = snapshot(&cores[side]);
                cores[side].outer(piece, &path, now, what);
                assert!(cores[side].take_packets().is_empty(), "a forged packet");
                assert_eq!(before, snapshot(&cores[side]));
            }
            2 => {
                let Some(mut datagram) = under_way[side].pop() else { continue };
                let changed =
                    piece.iter().zip(&mut datagram).fold(false, |changed, (bits, byte)| {
                        *byte ^= bits;
                        changed || *bits != 0
                    });
                cores[side].outer(&datagram, &path, now, what);
                let came = cores[side].take_packets();
                assert!(came.len() <= usize::from(!changed), "a damaged packet");
                cores[side].outer(&datagram, &path, now, what);
                assert!(cores[side].take_packets().is_empty(), "a packet came twice");
            }
            _ => drop(cores[side].drain()),
        }
        for side in [0, 1] {
            let sent = cores[side].take_sent();
            under_way[1 - side].extend(sent.into_iter().map(|(_, datagram, _)| datagram));
            cores[side].take_packets();
        }
    }
});

fn snapshot(core: &Stepped) -> Vec<u8> {
    encode::observed(&[(PEER, core.peer(PEER).unwrap())])
}
