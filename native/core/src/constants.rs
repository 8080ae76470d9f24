//! The constants of the paper that the plane needs (5.4, 6.1 to 6.5), under its and the kernel's
//! names.

/// From this counter on a session neither sends nor receives.
pub const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);

/// From this counter on a session wants to be replaced.
pub const REKEY_AFTER_MESSAGES: u64 = 1 << 60;

/// How far behind the greatest counter accepted another may be: 8192 bits, less one word.
pub const REPLAY_WINDOW: u64 = 8192 - 64;

/// The type of an initiation: its first four bytes, a little-endian number.
pub const TYPE_INITIATION: u32 = 1;
/// The type of a response.
pub const TYPE_RESPONSE: u32 = 2;
/// The type of a cookie reply.
pub const TYPE_COOKIE_REPLY: u32 = 3;
/// The type of a transport message.
pub const TYPE_TRANSPORT: u32 = 4;

/// Bytes of an initiation.
pub const INITIATION_SIZE: usize = 148;
/// Bytes of a response.
pub const RESPONSE_SIZE: usize = 92;
/// Bytes of a cookie reply.
pub const COOKIE_REPLY_SIZE: usize = 64;
/// Bytes of type, receiver's index and counter, before the sealed packet.
pub const TRANSPORT_HEADER_SIZE: usize = 16;
/// Bytes that a transport message adds to its packet; alone, it is a keepalive.
pub const TRANSPORT_OVERHEAD: usize = TRANSPORT_HEADER_SIZE + TAG_SIZE;

/// Bytes of a key.
pub const KEY_SIZE: usize = 32;
/// Bytes of mac1, of mac2 and of a cookie.
pub const MAC_SIZE: usize = 16;
/// Bytes that sealing adds.
pub const TAG_SIZE: usize = 16;
/// Bytes of mac1 and mac2, the end of an initiation and of a response.
pub const MACS_SIZE: usize = 2 * MAC_SIZE;

/// Packets are padded to a multiple of this.
pub const PADDING: usize = 16;
/// The inner MTU that leaves room for IPv6 and us within 1500.
pub const DEFAULT_MTU: usize = 1420;
/// How many packets of one peer wait for a session.
pub const MAX_STAGED_PACKETS: usize = 128;
/// Seconds after which the secret behind the cookies is replaced.
pub const COOKIE_SECRET_MAX_AGE: f64 = 120.0;
/// The traffic class octet of initiations and responses: AF41.
pub const HANDSHAKE_DSCP: u8 = 0x88;
