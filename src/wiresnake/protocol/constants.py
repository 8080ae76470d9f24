"""The constants of the paper, under its names (6.1 to 6.5) and the kernel's."""

from typing import Final

CONSTRUCTION: Final = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
IDENTIFIER: Final = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
LABEL_MAC1: Final = b"mac1----"
LABEL_COOKIE: Final = b"cookie--"

REKEY_AFTER_MESSAGES: Final = 1 << 60
REJECT_AFTER_MESSAGES: Final = (1 << 64) - (1 << 13) - 1
REKEY_AFTER_TIME: Final = 120.0
REJECT_AFTER_TIME: Final = 180.0
REKEY_ATTEMPT_TIME: Final = 90.0
REKEY_TIMEOUT: Final = 5.0
KEEPALIVE_TIMEOUT: Final = 10.0
MAX_INITIATIONS: Final = 20
"""One initiation and 19 retries; the timer that fires after the last one gives up."""
MAX_JITTER: Final = 1 / 3
"""Seconds; added to the retransmit timer and to rule 3, drawn anew each time one is armed."""
ERASE_AFTER_TIME: Final = 3 * REJECT_AFTER_TIME
RENEW_ON_RECEIVE_AFTER: Final = REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT

COOKIE_SECRET_MAX_AGE: Final = 120.0
COOKIE_LATENCY: Final = 5.0
"""A received cookie is used this much less long than its maker accepts it."""
MIN_INITIATION_INTERVAL: Final = 1 / 50
"""At most one initiation of a peer is accepted in this time."""
INITIATIONS_PER_SECOND: Final = 500
"""How many new handshakes one interface begins in a second, so that many peers spread out."""

REPLAY_WINDOW_BITS: Final = 8192
REPLAY_WINDOW: Final = REPLAY_WINDOW_BITS - 64
PADDING: Final = 16
MAX_STAGED_PACKETS: Final = 128
MAX_PEERS: Final = 1 << 20
DEFAULT_MTU: Final = 1420
HANDSHAKE_DSCP: Final = 0x88
"""AF41, as a whole traffic class octet."""
