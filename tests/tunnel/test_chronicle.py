import pytest

from wiresnake.door.commands import (
    Abandon,
    Add,
    Expect,
    Forget,
    Install,
    Keepalive,
    Send,
    Session,
    Sockets,
)
from wiresnake.tunnel.chronicle import told
from wiresnake.values.keys import PublicKey

KEY = PublicKey(bytes(range(32)))
NAME = "peer(AAEC…eHx8)"
SESSION = Session(0xABC, 2, b"s" * 32, b"r" * 32, True, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (Sockets(None, None), "sockets closed"),
        (Sockets(3, None), "sockets opened"),
        (Add(1), f"{NAME} - created"),
        (Forget(1), "peer 1 - removed"),
        (Send(1, b"\x01" + bytes(147)), f"{NAME} - sending handshake initiation"),
        (Send(1, b"\x02" + bytes(91)), f"{NAME} - sending handshake response"),
        (Install(1, SESSION), f"{NAME} - session 00000abc as initiator"),
        (Abandon(1), f"{NAME} - no answer, giving up for now"),
        (Add(2), "peer 2 - created"),
    ],
)
def test_one_line_tells_of_one_command(command, line):
    lines = list(told([Expect(1), command, Keepalive(1)], {1: KEY}.get))
    assert [each.replace(str(KEY)[39:43], "eHx8") for each in lines] == [line]


def test_no_key_is_told():
    text = "".join(told([Install(1, SESSION), Add(1)], {1: KEY}.get))
    assert str(KEY) not in text
    assert "ssss" not in text
