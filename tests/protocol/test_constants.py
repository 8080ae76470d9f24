"""The constants as the paper (6.1) and the kernel have them; all other tests go by their names."""

import pytest

from wiresnake.protocol import constants


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONSTRUCTION", b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"),
        ("IDENTIFIER", b"WireGuard v1 zx2c4 Jason@zx2c4.com"),
        ("LABEL_MAC1", b"mac1----"),
        ("LABEL_COOKIE", b"cookie--"),
        ("REKEY_AFTER_MESSAGES", 2**60),
        ("REJECT_AFTER_MESSAGES", 2**64 - 2**13 - 1),
        ("REKEY_AFTER_TIME", 120),
        ("REJECT_AFTER_TIME", 180),
        ("REKEY_ATTEMPT_TIME", 90),
        ("REKEY_TIMEOUT", 5),
        ("KEEPALIVE_TIMEOUT", 10),
        ("MAX_INITIATIONS", 20),
        ("ERASE_AFTER_TIME", 540),
        ("RENEW_ON_RECEIVE_AFTER", 165),
        ("COOKIE_SECRET_MAX_AGE", 120),
        ("COOKIE_LATENCY", 5),
        ("MIN_INITIATION_INTERVAL", 0.02),
        ("INITIATIONS_PER_SECOND", 500),
        ("REPLAY_WINDOW", 8128),
        ("PADDING", 16),
        ("MAX_STAGED_PACKETS", 128),
        ("MAX_PEERS", 2**20),
        ("DEFAULT_MTU", 1420),
        ("HANDSHAKE_DSCP", 0x88),
    ],
)
def test_a_constant_has_its_value(name: str, value: object) -> None:
    assert getattr(constants, name) == value


def test_jitter_is_a_third_of_a_second_as_in_the_kernel() -> None:
    assert round(constants.MAX_JITTER, 3) == 0.333
