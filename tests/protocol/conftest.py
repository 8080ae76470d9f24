"""Handshakes that others recorded (tests/vectors/README.md)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wiresnake.values.addresses import Endpoint
from wiresnake.values.keys import PresharedKey, PrivateKey

VECTORS = Path(__file__).parent.parent / "vectors"


@dataclass(frozen=True)
class Transport:
    from_initiator: bool
    counter: int
    plaintext: bytes
    packet: bytes


@dataclass(frozen=True)
class Recorded:
    """One handshake of wireguard-go, with everything that was secret in it."""

    initiator_raw: bytes
    initiator_ephemeral_raw: bytes
    initiator_index: int
    responder_raw: bytes
    responder_ephemeral_raw: bytes
    responder_index: int
    preshared: PresharedKey
    timestamp: bytes
    initiation: bytes
    response: bytes
    final_hash: bytes
    transport: tuple[Transport, ...]
    cookie: bytes
    cookie_secret: bytes
    cookie_nonce: bytes
    cookie_source: Endpoint
    cookie_reply: bytes
    initiation_with_mac2: bytes

    @property
    def initiator(self) -> PrivateKey:
        return PrivateKey(self.initiator_raw)

    @property
    def initiator_ephemeral(self) -> PrivateKey:
        return PrivateKey(self.initiator_ephemeral_raw)

    @property
    def responder(self) -> PrivateKey:
        return PrivateKey(self.responder_raw)

    @property
    def responder_ephemeral(self) -> PrivateKey:
        return PrivateKey(self.responder_ephemeral_raw)


def read_case(case: dict[str, Any]) -> Recorded:
    raw = {key: bytes.fromhex(value) for key, value in case.items() if isinstance(value, str)}
    cookie = {key: bytes.fromhex(value) for key, value in case["cookie"].items()}
    return Recorded(
        initiator_raw=raw["initiator_private"],
        initiator_ephemeral_raw=raw["initiator_ephemeral_private"],
        initiator_index=case["initiator_index"],
        responder_raw=raw["responder_private"],
        responder_ephemeral_raw=raw["responder_ephemeral_private"],
        responder_index=case["responder_index"],
        preshared=PresharedKey(raw["preshared_key"]),
        timestamp=raw["timestamp"],
        initiation=raw["initiation"],
        response=raw["response"],
        final_hash=raw["final_hash_initiator"],
        transport=tuple(
            Transport(
                packet["from"] == "initiator",
                packet["counter"],
                bytes.fromhex(packet["plaintext"]),
                bytes.fromhex(packet["packet"]),
            )
            for packet in case["transport"]
        ),
        cookie=cookie["cookie"],
        cookie_secret=cookie["secret"],
        cookie_nonce=cookie["nonce"],
        cookie_source=Endpoint(
            cookie["source_bytes"][:-2], int.from_bytes(cookie["source_bytes"][-2:])
        ),
        cookie_reply=cookie["reply"],
        initiation_with_mac2=cookie["initiation_with_mac2"],
    )


CASES = json.loads((VECTORS / "wireguard_handshake.json").read_text())["cases"]


@pytest.fixture(params=CASES, ids=["without-psk", "with-psk"])
def recorded(request: pytest.FixtureRequest) -> Recorded:
    return read_case(request.param)


@dataclass(frozen=True)
class NoiseVector:
    """The public vector: its prologue and payloads differ from WireGuard's."""

    prologue: bytes
    preshared: PresharedKey
    initiator: PrivateKey
    initiator_ephemeral: bytes
    responder: PrivateKey
    responder_ephemeral: bytes
    handshake_hash: bytes
    payloads: tuple[bytes, ...]
    ciphertexts: tuple[bytes, ...]


@pytest.fixture
def noise_vector() -> NoiseVector:
    vector = json.loads((VECTORS / "noise_ikpsk2.json").read_text())["vector"]
    assert vector["init_psks"] == vector["resp_psks"]
    raw = {
        name: bytes.fromhex(text)
        for name, text in vector.items()
        if isinstance(text, str) and name != "protocol_name"
    }
    responder = PrivateKey(raw["resp_static"])
    assert responder.public.raw == raw["init_remote_static"]
    return NoiseVector(
        prologue=raw["init_prologue"],
        preshared=PresharedKey(bytes.fromhex(vector["init_psks"][0])),
        initiator=PrivateKey(raw["init_static"]),
        initiator_ephemeral=raw["init_ephemeral"],
        responder=responder,
        responder_ephemeral=raw["resp_ephemeral"],
        handshake_hash=raw["handshake_hash"],
        payloads=tuple(bytes.fromhex(message["payload"]) for message in vector["messages"]),
        ciphertexts=tuple(bytes.fromhex(message["ciphertext"]) for message in vector["messages"]),
    )
