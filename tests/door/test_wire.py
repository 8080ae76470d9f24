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


@given(st.binary(max_size=64))
def test_junk_at_the_door_is_one_kind_of_error(junk: bytes) -> None:
    try:
        notices = msgspec.msgpack.decode(junk, type=list[AnyNotice])
    except msgspec.DecodeError:
        return
    assert isinstance(notices, list)


def test_a_session_hides_its_keys() -> None:
    key = bytes(range(32))
    install = Install(1, Session(7, 8, key, key, True, 0.0, 120.0, 165.0, 180.0))
    assert repr(key) not in repr(install)
    assert repr(key) not in str(install.session)
