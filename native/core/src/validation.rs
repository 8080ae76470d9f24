//! The check of a whole batch before its first command has an effect.

use std::collections::HashSet;
use std::fmt;

use crate::commands::{Command, Path, PeerCommand};
use crate::constants::{INITIATION_SIZE, REJECT_AFTER_MESSAGES};
use crate::core::Core;
use crate::peers::PeerNumber;

/// At most so many peers (PROTOCOL: at most 2^20).
pub const MAX_PEERS: usize = 1 << 20;

/// A batch was not valid and nothing of it had an effect; the message names the command.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejected(pub String);

impl fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Rejected {}

/// What exists at each command, if all before it ran.
#[derive(Default)]
struct Batch {
    added: HashSet<PeerNumber>,
    forgotten: HashSet<PeerNumber>,
    installed: HashSet<u32>,
}

/// Checks that every command can be carried out in its turn.
///
/// # Errors
/// `Rejected`, naming the first that cannot.
pub fn check(core: &Core, commands: &[Command]) -> Result<(), Rejected> {
    let mut batch = Batch::default();
    for (position, command) in commands.iter().enumerate() {
        let Command::Peer(number, about) = command else { continue };
        batch
            .check(core, *number, about)
            .map_err(|fault| Rejected(format!("command {position}, {}: {fault}", about.name())))?;
    }
    Ok(())
}

impl Batch {
    fn check(
        &mut self,
        core: &Core,
        number: PeerNumber,
        command: &PeerCommand,
    ) -> Result<(), String> {
        let known = core.has_peer(number);
        if matches!(command, PeerCommand::Add) {
            return self.add(core, number, known);
        }
        if !self.added.contains(&number) && (!known || self.forgotten.contains(&number)) {
            return Err(format!("no peer {number}"));
        }
        match command {
            PeerCommand::Forget => {
                self.added.remove(&number);
                self.forgotten.insert(number);
            }
            PeerCommand::Follow { path, .. } => check_path(path)?,
            PeerCommand::Send { datagram, path } => {
                if datagram.is_empty() || datagram.len() > INITIATION_SIZE {
                    return Err(format!("a handshake message of {} bytes", datagram.len()));
                }
                path.as_ref().map_or(Ok(()), check_path)?;
            }
            PeerCommand::Install(session) => {
                if session.first_counter > REJECT_AFTER_MESSAGES {
                    return Err("a counter beyond REJECT_AFTER_MESSAGES".into());
                }
                let index = session.local_index;
                if core.has_session(index) || !self.installed.insert(index) {
                    return Err(format!("index {index:08x} is taken"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, core: &Core, number: PeerNumber, known: bool) -> Result<(), String> {
        if known || self.added.contains(&number) {
            return Err(format!("peer {number} was there before"));
        }
        if core.peer_count() + self.added.len() >= MAX_PEERS + self.forgotten.len() {
            return Err("too many peers".into());
        }
        self.added.insert(number);
        Ok(())
    }
}

fn check_path(path: &Path) -> Result<(), String> {
    match path.way.local {
        Some(local) if local.is_ipv4() != path.way.endpoint.is_ipv4() => {
            Err("a path with a local address of another family".into())
        }
        _ => Ok(()),
    }
}
