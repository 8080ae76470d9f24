"""Many callers on one host, each with a key and an address of its own, who all shake hands with one
responder: how many can it answer each second?

Their initiations are made before the clock starts and the responses are checked after it has
stopped, so that it is the responder's time that is measured.
"""

import socket
import time
from collections import deque
from dataclasses import dataclass
from struct import Struct
from typing import Final, Protocol

from bench.lab.hosts import Host
from bench.lab.tunnels import OUTER, PORT, new_key, peer
from wiresnake.protocol.cookies import CookieJar, mac1_key, mac1_of, seal_macs
from wiresnake.protocol.handshake import (
    AwaitingResponse,
    Remote,
    consume_response,
    create_initiation,
)
from wiresnake.protocol.messages import (
    CookieReply,
    Initiation,
    MessageType,
    Response,
    decode_handshake_untrusted,
    message_type_untrusted,
)
from wiresnake.protocol.tai64n import whitened
from wiresnake.values.keys import PrivateKey, PublicKey

WINDOW: Final = 32
"""How many callers wait for an answer at once."""
PATIENCE: Final = 1.0
"""Seconds after which a caller says the same again."""
LIMIT: Final = 60.0
RANGE: Final = "198.18.0.0/15"
_FIRST: Final = int.from_bytes(bytes((198, 18, 0, 0)))
_IP_PKTINFO: Final = 8
_PKTINFO: Final = Struct("=I4s4s")
_RESPONSE_RECEIVER: Final = Struct("<8xI")


class Phone(Protocol):
    """What callers ask of a socket."""

    def settimeout(self, seconds: float, /) -> None: ...

    def sendmsg(
        self,
        parts: list[bytes],
        ancillary: list[tuple[int, int, bytes]],
        flags: int,
        address: tuple[str, int],
        /,
    ) -> object: ...

    def recv(self, size: int, /) -> bytes: ...


@dataclass(slots=True)
class Caller:
    """One caller; ``number`` is its session index and chooses its address."""

    number: int
    key: PrivateKey
    initiation: Initiation
    awaiting: AwaitingResponse
    jar: CookieJar
    datagram: bytes = b""
    said_at: float = 0.0
    answer: bytes = b""

    @property
    def origin(self) -> list[tuple[int, int, bytes]]:
        """Ancillary data that sends from its address."""
        address = (_FIRST + self.number).to_bytes(4)
        return [(socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO.pack(0, address, bytes(4)))]


class Callers:
    """``count`` callers of the responder with this public key."""

    def __init__(self, count: int, responder: PublicKey) -> None:
        self._remote = Remote(responder)
        self._mac1_key = mac1_key(responder.raw)
        self.all = [self._make(number) for number in range(1, count + 1)]

    def _make(self, number: int) -> Caller:
        key = new_key()
        message, awaiting = create_initiation(
            key,
            self._remote,
            sender=number,
            ephemeral=new_key(),
            timestamp=whitened(time.time_ns()),
        )
        made = Caller(number, key, message, awaiting, CookieJar(self._remote.public.raw))
        made.datagram = seal_macs(message.encode(), self._mac1_key, None)
        return made

    def config(self) -> str:
        """Write them as peers of the responder."""
        return "".join(peer(str(caller.key.public), caller.number) for caller in self.all)

    def call(self, here: Host, there: Host) -> float:
        """Let all of them shake hands with the responder in ``there``, WINDOW at a time.

        Returns the seconds until the last was answered. Raises TimeoutError if that takes longer
        than a minute, HandshakeRejected if an answer is not authentic.
        """
        here.ip("route", "add", "local", RANGE, "dev", "lo")
        there.ip("route", "add", RANGE, "via", OUTER[4][0])
        with here.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            phone.bind(("0.0.0.0", PORT))
            took = self.talk(phone)
        self.check()
        return took

    def check(self) -> None:
        """Check every response. Raises HandshakeRejected if one is not authentic."""
        for caller in self.all:
            response = Response.decode_untrusted(caller.answer)
            consume_response(caller.key, self._remote, caller.awaiting, response)

    def talk(self, phone: Phone) -> float:
        """Do it over a socket that is open; the answers are only kept. Raises TimeoutError."""
        phone.settimeout(PATIENCE / 4)
        to_come, waiting = deque(self.all), dict[int, Caller]()
        began = time.monotonic()
        while to_come or waiting:
            while to_come and len(waiting) < WINDOW:
                caller = to_come.popleft()
                waiting[caller.number] = caller
                _say(phone, caller)
            now = time.monotonic()
            if now > began + LIMIT:
                raise TimeoutError(f"{len(to_come) + len(waiting)} were not answered in {LIMIT} s")
            for caller in waiting.values():
                if now > caller.said_at + PATIENCE:
                    _say(phone, caller)
            try:
                datagram = phone.recv(2048)
            except TimeoutError:
                continue
            self._hear(phone, datagram, waiting)
        return time.monotonic() - began

    def _hear(self, phone: Phone, datagram: bytes, waiting: dict[int, Caller]) -> None:
        match message_type_untrusted(datagram):
            case MessageType.RESPONSE:
                (number,) = _RESPONSE_RECEIVER.unpack_from(datagram)
                caller = waiting.pop(number, None)
                if caller is not None:
                    caller.answer = datagram
            case MessageType.COOKIE_REPLY:
                reply = decode_handshake_untrusted(datagram)
                assert isinstance(reply, CookieReply)
                caller = waiting.get(reply.receiver)
                if caller is not None:
                    now = time.monotonic()
                    caller.jar.remember(mac1_of(caller.datagram))
                    caller.jar.consume_reply(reply, now)
                    cookie = caller.jar.cookie(now)
                    caller.datagram = seal_macs(caller.datagram, self._mac1_key, cookie)
                    _say(phone, caller)
            case _:
                return  # a keepalive of a responder that confirms early


def _say(phone: Phone, caller: Caller) -> None:
    caller.said_at = time.monotonic()
    phone.sendmsg([caller.datagram], caller.origin, 0, (OUTER[4][1], PORT))
