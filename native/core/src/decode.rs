//! The door as bytes, inward: batches of commands in msgpack, as `wiresnake.door` writes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use rmp::Marker;
use rmp::decode as read;

use crate::addresses::{Endpoint, Prefix, Way};
use crate::commands::{Command, NewSession, Path, PeerCommand};
use crate::constants::KEY_SIZE;
use crate::peers::PeerNumber;
use crate::transport::Key;

/// What is wrong with an encoded request.
#[derive(Debug, PartialEq, Eq)]
pub struct Undecodable(pub String);

impl<E: std::error::Error> From<E> for Undecodable {
    fn from(error: E) -> Self {
        Self(format!("not the door's msgpack: {error}"))
    }
}

type Read<T> = Result<T, Undecodable>;

fn wrong<T>(what: impl Into<String>) -> Read<T> {
    Err(Undecodable(what.into()))
}

/// Reads an array of commands.
///
/// # Errors
/// `Undecodable`, naming the first command that cannot be read.
pub fn commands(mut bytes: &[u8]) -> Read<Vec<Command>> {
    let count = read::read_array_len(&mut bytes)?;
    let mut commands = Vec::with_capacity(count.min(1 << 16) as usize);
    for position in 0..count {
        let command = Reader(&mut bytes).command();
        commands.push(
            command.map_err(|fault| Undecodable(format!("command {position}, {}", fault.0)))?,
        );
    }
    if bytes.is_empty() { Ok(commands) } else { wrong("bytes behind the last command") }
}

/// Reads an array of peer numbers.
///
/// # Errors
/// `Undecodable`.
pub fn numbers(mut bytes: &[u8]) -> Read<Vec<PeerNumber>> {
    let count = read::read_array_len(&mut bytes)?;
    (0..count).map(|_| Ok(read::read_int(&mut bytes)?)).collect()
}

/// Reads one path.
///
/// # Errors
/// `Undecodable`.
pub fn path(mut bytes: &[u8]) -> Read<Path> {
    Reader(&mut bytes).path()
}

/// Reads values one behind the other.
struct Reader<'a, 'b>(&'a mut &'b [u8]);

impl<'b> Reader<'_, 'b> {
    fn command(&mut self) -> Read<Command> {
        let fields = read::read_array_len(self.0)?;
        let name = self.text()?;
        let left = match name {
            "Identity" | "Mtu" | "Add" | "Forget" | "ClearSource" | "Expect" | "Unexpect"
            | "StopSending" | "DropSessions" | "EraseSessions" | "Flush" | "Abandon" => 1,
            "Follow" | "Send" => 3,
            "Sockets" | "Route" | "Unroute" | "SetEndpoint" | "Install" | "Keepalive" | "Rest" => 2,
            _ => return wrong(format!("{name}: not a command")),
        };
        if fields != left + 1 {
            return wrong(format!("{name}: {fields} fields"));
        }
        self.fields(name).map_err(|fault| Undecodable(format!("{name}: {}", fault.0)))
    }

    fn fields(&mut self, name: &str) -> Read<Command> {
        Ok(match name {
            "Sockets" => Command::Sockets { v4: self.descriptor()?, v6: self.descriptor()? },
            "Identity" => Command::Identity(self.public()?),
            "Mtu" => Command::Mtu(self.number()?),
            "Expect" => Command::Expect(self.number()?),
            "Unexpect" => Command::Unexpect(self.number()?),
            _ => Command::Peer(self.number()?, self.about_peer(name)?),
        })
    }

    fn about_peer(&mut self, name: &str) -> Read<PeerCommand> {
        Ok(match name {
            "Add" => PeerCommand::Add,
            "Forget" => PeerCommand::Forget,
            "Route" => PeerCommand::Route(self.prefixes()?),
            "Unroute" => PeerCommand::Unroute(self.prefixes()?),
            "SetEndpoint" => PeerCommand::SetEndpoint(self.endpoint()?),
            "Follow" => PeerCommand::Follow { path: self.path()?, size: self.number()? },
            "ClearSource" => PeerCommand::ClearSource,
            "Install" => PeerCommand::Install(Box::new(self.session()?)),
            "StopSending" => PeerCommand::StopSending,
            "DropSessions" => PeerCommand::DropSessions,
            "EraseSessions" => PeerCommand::EraseSessions,
            "Send" => PeerCommand::Send {
                datagram: self.bytes()?.to_vec(),
                path: if self.nothing()? { None } else { Some(self.path()?) },
            },
            "Keepalive" => PeerCommand::Keepalive { rearm: read::read_bool(self.0)? },
            "Flush" => PeerCommand::Flush,
            "Abandon" => PeerCommand::Abandon,
            "Rest" => PeerCommand::Rest { seen: self.number()? },
            _ => return wrong("not a command"),
        })
    }

    fn session(&mut self) -> Read<NewSession> {
        if read::read_array_len(self.0)? != 10 {
            return wrong("a session has ten fields");
        }
        let (local_index, remote_index) = (self.number()?, self.number()?);
        let (send_key, receive_key) = (self.key()?, self.key()?);
        let initiator = read::read_bool(self.0)?;
        self.instant()?; // born: only control asks how old a session is
        Ok(NewSession {
            local_index,
            remote_index,
            send_key,
            receive_key,
            initiator,
            renew_on_send_at: self.instant()?,
            renew_on_receive_at: self.instant()?,
            dies_at: self.instant()?,
            first_counter: self.number()?,
        })
    }

    fn path(&mut self) -> Read<Path> {
        if read::read_array_len(self.0)? != 4 {
            return wrong("a path has four fields");
        }
        let endpoint = self.endpoint()?;
        let local = self.bytes()?;
        let local = if local.is_empty() { None } else { Some(address(local)?) };
        let interface = self.number()?;
        Ok(Path { way: Way { endpoint, local, interface }, at: self.instant()? })
    }

    /// Reads an endpoint: a map of host, port and scope.
    fn endpoint(&mut self) -> Read<Endpoint> {
        let (mut host, mut port, mut scope) = (None, None, 0);
        for _ in 0..read::read_map_len(self.0)? {
            match self.text()? {
                "host" => host = Some(address(self.bytes()?)?),
                "port" => port = Some(self.number()?),
                "scope" => scope = self.number()?,
                other => return wrong(format!("an endpoint with {other}")),
            }
        }
        match (host, port) {
            (Some(IpAddr::V4(host)), Some(port)) => Ok(SocketAddr::from((host, port))),
            (Some(IpAddr::V6(host)), Some(port)) => {
                Ok(SocketAddr::V6(SocketAddrV6::new(host, port, 0, scope)))
            }
            _ => wrong("an endpoint without host or port"),
        }
    }

    fn prefixes(&mut self) -> Read<Vec<Prefix>> {
        let count = read::read_array_len(self.0)?;
        (0..count).map(|_| self.prefix()).collect()
    }

    /// Reads a prefix: a map of network and length.
    fn prefix(&mut self) -> Read<Prefix> {
        let (mut network, mut length) = (None, None);
        for _ in 0..read::read_map_len(self.0)? {
            match self.text()? {
                "network" => network = Some(address(self.bytes()?)?),
                "length" => length = Some(self.number()?),
                other => return wrong(format!("a prefix with {other}")),
            }
        }
        let (Some(address), Some(length)) = (network, length) else {
            return wrong("a prefix without network or length");
        };
        let (bits, width) = match address {
            IpAddr::V4(four) => (u128::from(four.to_bits()) << 96, 32),
            IpAddr::V6(six) => (six.to_bits(), 128),
        };
        let host_bits = if length == 0 { bits } else { bits.wrapping_shl(u32::from(length)) };
        if length > width || (length < 128 && host_bits != 0) {
            return wrong(format!("{address}/{length} is not a prefix"));
        }
        Ok(Prefix { address, length })
    }

    fn public(&mut self) -> Read<Option<[u8; KEY_SIZE]>> {
        if self.nothing()? {
            return Ok(None);
        }
        let bytes = self.bytes()?;
        let key = bytes.try_into().map(Some);
        key.or_else(|_| wrong(format!("a public key of {} bytes", bytes.len())))
    }

    fn key(&mut self) -> Read<Key> {
        match self.bytes()?.try_into() {
            Ok(bytes) => Ok(Key::copy(bytes)),
            Err(_) => wrong(format!("a session has keys of {KEY_SIZE} bytes")),
        }
    }

    fn descriptor(&mut self) -> Read<Option<i32>> {
        if self.nothing()? {
            return Ok(None);
        }
        let descriptor: i32 = self.number()?;
        if descriptor < 0 { wrong("a negative descriptor") } else { Ok(Some(descriptor)) }
    }

    fn instant(&mut self) -> Read<f64> {
        match self.0.first().map(|byte| Marker::from_u8(*byte)) {
            Some(Marker::F64) => Ok(read::read_f64(self.0)?),
            _ => Ok(self.number::<i64>()? as f64),
        }
    }

    fn number<T: TryFrom<i128>>(&mut self) -> Read<T> {
        // The widest type that holds every integer of msgpack.
        let number: i128 = match self.0.first().map(|byte| Marker::from_u8(*byte)) {
            Some(Marker::U64) => i128::from(read::read_u64(self.0)?),
            _ => i128::from(read::read_int::<i64, _>(self.0)?),
        };
        T::try_from(number).or_else(|_| wrong(format!("{number} is out of range")))
    }

    /// Whether nil comes next; if so it is passed over.
    fn nothing(&mut self) -> Read<bool> {
        let is_nil = self.0.first() == Some(&Marker::Null.to_u8());
        if is_nil {
            read::read_nil(self.0)?;
        }
        Ok(is_nil)
    }

    fn text(&mut self) -> Read<&'b str> {
        let length = read::read_str_len(self.0)?;
        Ok(std::str::from_utf8(self.take(length)?)?)
    }

    fn bytes(&mut self) -> Read<&'b [u8]> {
        let length = read::read_bin_len(self.0)?;
        self.take(length)
    }

    fn take(&mut self, length: u32) -> Read<&'b [u8]> {
        let Some((taken, rest)) = self.0.split_at_checked(length as usize) else {
            return wrong("it ends too soon");
        };
        *self.0 = rest;
        Ok(taken)
    }
}

fn address(bytes: &[u8]) -> Read<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Ok(Ipv4Addr::from(octets).into());
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(octets) => Ok(Ipv6Addr::from(octets).into()),
        Err(_) => wrong(format!("an address of {} bytes", bytes.len())),
    }
}
