"""The door's values cross a process as they are: encoded, typed on the way back, secrets unseen."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.door.commands import AnyCommand, Install, Session
from wiresnake.door.notices import AnyNotice
from wiresnake.door.snapshots import Observed
from wiresnake.values.addresses import Endpoint, Prefix

st.register_type_strategy(
    Endpoint, st.builds(Endpoint, st.binary(min_size=4, max_size=4), st.integers(0, 65535))
)
st.register_type_strategy(
    Prefix, st.builds(Prefix.of, st.binary(min_size=16, max_size=16), st.integers(0, 128))
)
INSTANT = st.floats(min_value=0, allow_nan=False)
st.register_type_strategy(float, INSTANT)
st.register_type_strategy(int, st.integers(0, 2**63))


def strategy_of(kind: type) -> st.SearchStrategy[object]:
    return st.builds(kind, **{f.name: st.from_type(f.type) for f in msgspec.structs.fields(kind)})


st.register_type_strategy(Session, strategy_of(Session))


@pytest.mark.parametrize("union", [AnyCommand, AnyNotice], ids=["commands", "notices"])
def test_every_value_crosses_unchanged(union: object) -> None:
    decoder = msgspec.msgpack.Decoder(list[union])  # type: ignore[valid-type]

    @given(st.lists(st.one_of(*map(strategy_of, union.__args__)), max_size=4))  # type: ignore[attr-defined]
    def crosses(values: list[object]) -> None:
        assert decoder.decode(msgspec.msgpack.encode(values)) == values

    crosses()


@given(strategy_of(Observed))
def test_a_snapshot_crosses_unchanged(snapshot: object) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot), type=Observed) == snapshot


@given(st.binary(max_size=64) | st.binary(max_size=20).map(b"\x91\x92\xa5".__add__))
def test_junk_at_the_door_is_one_of_two_errors(junk: bytes) -> None:
    try:
        notices = msgspec.msgpack.decode(junk, type=list[AnyNotice])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    assert isinstance(notices, list)


@given(st.integers(0, 200), st.integers(0, 255), st.booleans())
def test_no_error_of_the_door_shows_a_secret(place: int, byte: int, cut: bool) -> None:
    send, receive = b"abcdefghijklmnop" * 2, b"0123456789ABCDEF" * 2
    session = Session(7, 8, send, receive, True, 0.0, 120.0, 165.0, 180.0)
    text = bytearray(msgspec.msgpack.encode([Install(1, session)]))
    place %= len(text)
    if cut:
        del text[place:]
    text[place : place + 1] = bytes([byte])
    try:
        commands = msgspec.msgpack.decode(text, type=list[AnyCommand])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        shown = str(error)
    else:
        shown = repr(commands)
    assert not any(
        secret[n : n + 6].decode() in shown for secret in (send, receive) for n in (0, 9)
    )


def test_a_session_hides_its_keys() -> None:
    key = bytes(range(32))
    install = Install(1, Session(7, 8, key, key, True, 0.0, 120.0, 165.0, 180.0))
    assert repr(key) not in repr(install)
    assert repr(key) not in str(install.session)
