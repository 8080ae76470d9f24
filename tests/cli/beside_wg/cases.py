"""What is given to both, command by command."""

import base64
import random
import time
from collections.abc import Iterator

from tests.cli.beside_wg.harness import Case

DIFFERENCES = {
    "version": "`--version` says what this is: `wiresnake v...`",
    "no such interface": "an interface that is not there is `No such device` also where the kernel "
    "has no WireGuard; `wg` says `Protocol not supported` then",
    "the daemon's reason": "the number with which a daemon refuses a `get` is told; `wg` says "
    "`Protocol error` whatever it is",
    "positive errno": "`errno=22` of a daemon that forgot the sign is `Invalid argument`; `wg` "
    "says `Unknown error -22`",
    "port cut to 16 bits": "a port above 65535 is refused; `wg` cuts it to 16 bits (70000 is 4464)",
    "retries of names alone": "WG_ENDPOINT_RESOLUTION_RETRIES is read when a name is looked up; "
    "`wg` refuses a bad one beside a numeric endpoint too",
    "signs of allowed IPs": "`+` and `-` before an allowed IP add and take away (`wg` does since "
    "2025, the one of 2021 that is compared refuses them)",
    "every line of all": "`show all endpoints` puts the interface before every line, as for every "
    "other parameter; the `wg` of 2021 puts it before the first line, or before nothing",
    "no allowed IPs in a file": "`AllowedIPs =` with nothing behind it means none; the `wg` of "
    "2021 takes it after `set` but not in a file",
    "cleared in syncconf": "`syncconf` takes away a preshared key or keepalive that the file does "
    "not name (`wg` does since 2025, the one of 2021 leaves them)",
    "a folder as a file": "a folder in the place of a file is an error; `wg` reads it as an empty "
    "configuration, which `setconf` makes of the interface",
    "odd replies": "the prefix `1.2.3.4/8` of a daemon is shown as `1.0.0.0/8`, a count past 64 "
    "bits and an endpoint that is a host's name are refused",
    "a clear word": "a byte after the key of a key file that cannot be printed is named, as "
    "`\\x00`; `wg` writes it raw",
}  # fmt: skip
"""Where we differ from `wg`: in each of these a case says so, and the test that it is so."""

NOW = int(time.time())
SECRET = base64.b64encode(bytes([0xA0] * 31 + [0x60])).decode()
SECRET_HEX = (bytes([0xA0] * 31 + [0x60])).hex()
EMPTY = "errno=0\n\n"


def key(number: int) -> str:
    return base64.b64encode(bytes([number]) * 32).decode()


def peer(number: int, *lines: str) -> str:
    return "\n".join([f"public_key={bytes([number] * 32).hex()}", *lines]) + "\n"


def handshake(ago: int) -> str:
    return f"last_handshake_time_sec={NOW - ago}\nlast_handshake_time_nsec=7"


FULL = peer(
    1, f"preshared_key={SECRET_HEX}", "endpoint=192.0.2.1:51820", handshake(77), "rx_bytes=1234",
    "tx_bytes=5678901", "persistent_keepalive_interval=25", "allowed_ip=10.0.0.0/24",
    "allowed_ip=2001:db8::/32", "protocol_version=1",
)  # fmt: skip
INTERFACE = f"private_key={SECRET_HEX}\nlisten_port=51820\nfwmark=51820\n"
STATES = {
    "nothing": EMPTY,
    "an interface": INTERFACE + EMPTY,
    "a port": f"listen_port=1\n{EMPTY}",
    "a mark": f"fwmark=4294967295\n{EMPTY}",
    "a full peer": INTERFACE + FULL + EMPTY,
    "a bare peer": peer(1) + EMPTY,
    "no preshared key": peer(1, "preshared_key=" + "0" * 64) + EMPTY,
    "several peers": INTERFACE + FULL + peer(2) + peer(3, handshake(5), "rx_bytes=1") + EMPTY,
    "newest first": "".join(peer(n, handshake(ago)) for n, ago in ((1, 500), (2, 40), (3, 90)))
    + peer(4) + EMPTY,
    "IPv6 endpoint": peer(1, "endpoint=[2001:DB8:0::1]:5") + EMPTY,
    "link-local endpoint": peer(1, "endpoint=[fe80::1%lo]:5") + EMPTY,
    "mapped endpoint": peer(1, "endpoint=[::ffff:192.0.2.1]:5") + EMPTY,
    "a clock set back": peer(1, handshake(-1000)) + EMPTY,
    "long ago": peer(1, handshake(94694461)) + EMPTY,
    "a minute ago": peer(1, handshake(60)) + EMPTY,
    "much traffic": peer(1, f"rx_bytes={(1 << 64) - 1}", f"tx_bytes={1 << 40}") + EMPTY,
    "some traffic": peer(1, "rx_bytes=1023", "tx_bytes=1024") + EMPTY,
    "many prefixes": peer(1, *(f"allowed_ip=10.{n}.0.0/16" for n in range(200))) + EMPTY,
    "keys of another time": f"moon=full\n{peer(1, 'phase=new', '=')}{EMPTY}",
    "a zero private key": "private_key=" + "0" * 64 + f"\n{EMPTY}",
    "a key not clamped": "private_key=" + "ff" * 32 + f"\n{EMPTY}",
    "a hundred peers": "".join(
        peer(n, f"allowed_ip=10.0.{n}.0/24", handshake(n)) for n in range(1, 101)
    ) + EMPTY,
    "errno first": f"errno=5\n{peer(1)}{EMPTY}",
}  # fmt: skip
PARAMETERS = (
    "public-key", "private-key", "listen-port", "fwmark", "peers", "preshared-keys", "endpoints",
    "allowed-ips", "latest-handshakes", "transfer", "persistent-keepalive", "dump",
)  # fmt: skip
BAD_REPLIES = {
    "nothing": "", "an empty line": "\n", "cut short": "errno=0\n", "no errno": "listen_port=1\n\n",
    "no equals": f"what\n{EMPTY}", "a bad port": f"listen_port=x\n{EMPTY}",
    "a large port": f"listen_port=65536\n{EMPTY}", "a negative port": f"listen_port=-1\n{EMPTY}",
    "no port": f"listen_port=\n{EMPTY}", "a large mark": f"fwmark=4294967296\n{EMPTY}",
    "a hexadecimal mark": f"fwmark=0x5\n{EMPTY}", "a short key": f"private_key=00\n{EMPTY}",
    "a bad public key": f"public_key=zz\n{EMPTY}", "a bad errno": "errno=x\n\n",
    "a short preshared key": peer(1, "preshared_key=00") + EMPTY,
    "a large keepalive": peer(1, "persistent_keepalive_interval=65536") + EMPTY,
    "an endpoint without a port": peer(1, "endpoint=192.0.2.1") + EMPTY,
    "an endpoint with half a port": peer(1, "endpoint=192.0.2.1:") + EMPTY,
    "an empty endpoint": peer(1, "endpoint=") + EMPTY,
    "a prefix without a length": peer(1, "allowed_ip=10.0.0.1") + EMPTY,
    "a long prefix": peer(1, "allowed_ip=::/129") + EMPTY,
    "no prefix": peer(1, "allowed_ip=") + EMPTY,
    "letters in a count": peer(1, "rx_bytes=1x") + EMPTY,
    "a negative count": peer(1, "tx_bytes=-1") + EMPTY,
    "a time past all": peer(1, "last_handshake_time_sec=99999999999999999999") + EMPTY,
}  # fmt: skip
ODD_REPLIES = [
    peer(1, "allowed_ip=1.2.3.4/8") + EMPTY, peer(1, "rx_bytes=18446744073709551616") + EMPTY,
    peer(1, "endpoint=localhost:5") + EMPTY,
]  # fmt: skip


def show() -> Iterator[Case]:
    for state in STATES.values():
        yield from show_of(state)
    for state in ("nothing", "several peers"):
        yield from show_of_all(STATES[state])
    for reply in BAD_REPLIES.values():
        for words in (("show", "IF"), ("show", "all", "peers"), ("show", "IF", "nix")):
            yield Case(words, reply)
    for reply in ODD_REPLIES:
        yield Case(("show", "IF", "dump"), reply, differs="odd replies")
    for words in (("IF",), ("all", "dump")):
        yield Case(("show", *words), "errno=-1\n\n", differs="the daemon's reason")
    for last in (("-h",), ("--help",), ("help",), ("IF", "nix"), ("all", "nix"), ("IF", "all"),
                 ("interfaces", "x"), ("IF", "peers", "x"), ("all", "peers", "x"), ("IF", ""),
                 ("IF", "interfaces"), ("IF", "PEERS")):  # fmt: skip
        yield Case(("show", *last))
    for words in (("nix",), ("nix", "peers"), ("nix", "nix"), ("all ",)):
        yield Case(("show", *words), differs="no such interface")


def show_of(state: str) -> Iterator[Case]:
    for colour in ("always", "never"):
        hide = {"WG_COLOR_MODE": colour, "WG_HIDE_KEYS": "never" if colour == "never" else "x"}
        yield Case(("show", "IF"), state, environment=hide)
    for parameter in PARAMETERS:
        yield Case(("show", "IF", parameter), state)


def show_of_all(state: str) -> Iterator[Case]:
    for words in ((), ("show",), ("show", "all"), ("show", "interfaces")):
        yield Case(words, state)
    for parameter in PARAMETERS:
        differs = "every line of all" if parameter == "endpoints" else ""
        yield Case(("show", "all", parameter), state, differs=differs)


def dispatch() -> Iterator[Case]:
    for words in (("help",), ("-h",), ("--help",), ("help", "x"), ("-h", "x"), ("--version", "x"),
                  ("nix",), ("Show",), ("",), ("showconf",), ("showconf", "IF", "x")):  # fmt: skip
        yield Case(words)
    for words in (("version",), ("-v",), ("--version",)):
        yield Case(words, differs="version")


def showconf() -> Iterator[Case]:
    for state in STATES.values():
        yield Case(("showconf", "IF"), state)
    for reply in BAD_REPLIES.values():
        yield Case(("showconf", "IF"), reply)
    yield Case(("showconf",))
    yield Case(("showconf", "IF", "x"))
    yield Case(("showconf", "nix"), differs="no such interface")
    yield Case(("showconf", "IF"), "errno=-13\n\n", differs="the daemon's reason")


ONE = ("peer", key(1))
SET_WORDS: list[tuple[str, ...]] = [
    *(("fwmark", each) for each in ("", "off", "OFF", "0", "5", "0x5", "0X5", "0x", "-1", "+5",
        " 5", "5 ", "4294967295", "4294967296", "0xffffffff", "0x100000000", "9" * 20, "x")),
    *(("listen-port", each) for each in ("", "0", "5", "00005", "+5", " 5", "-1", "0x5", "domain",
        "65535", "5 ", "x")),
    *((*ONE, "persistent-keepalive", each) for each in ("", "off", "OFF", "0", "25", "65535",
        "65536", "-1", "+5", " 5", "5 ", "0x5", "x")),
    *((*ONE, "endpoint", each) for each in ("", "a", "192.0.2.1:5", "[2001:db8::1]:5", "[::1",
        "[::1]", "[::1]5", "2001:db8::1:5", "1:5", "0x7f.1:5", "localhost:5", "nix.invalid:5", ":5",
        "[]:5", "192.0.2.1:", "192.0.2.1:domain", "192.0.2.1:65535", "[fe80::1%lo]:5",
        "[192.0.2.1]:5", "192.0.2.256:5", "a b:5", "192.0.2.1:-1")),
    *((*ONE, "allowed-ips", each) for each in ("", " ", ",", "10.0.0.0/8", "10.0.0.1", "10.1.2.3/8",
        "::/0", "2001:db8::1/32", "::1", "10.0.0.0/8,::/0", "10.0.0.0 / 8 , ::1", "::/0,", ",::/0",
        "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/x", "x", "10/8", "10.0.0/8",
        "10.0.0.0/08", "10.0.0.0/8/8", "1.2.3.4.5/8", "::ffff:1.2.3.4/128", ":::/0",
        "10.0.0.0/8,10.0.0.0/8")),
    ("peer",), ("peer", "x"), ("peer", ""), ("peer", key(1)), ("peer", key(1)[:-1]),
    (*ONE, *ONE), (*ONE, "remove"), (*ONE, "remove", "endpoint", "192.0.2.1:5"),
    (*ONE, "remove", "peer", key(2), "allowed-ips", "::/0"), (*ONE, "listen-port", "5"),
    (*ONE, "fwmark", "5"), (*ONE, "private-key", "KEY"), ("remove",), ("remove", "x"),
    ("endpoint", "192.0.2.1:5"), ("allowed-ips", ""), ("x",), ("x", "y"), ("listen-port",),
    ("fwmark",), ("private-key",), (*ONE, "endpoint"), (*ONE, "allowed-ips"),
    (*ONE, "preshared-key"), (*ONE, "persistent-keepalive"), ("LISTEN-PORT", "5"),
    ("listen-port", "5", "fwmark", "7", *ONE, "endpoint", "192.0.2.1:5", "persistent-keepalive",
     "25", "allowed-ips", "10.0.0.0/8,::/0", "peer", key(2), "remove"),
    ("listen-port", "5", "listen-port", "6"), ("listen-port", "5", "x"), ("fwmark", "5", "peer"),
    (*ONE, "allowed-ips", "::/0", "allowed-ips", "10.0.0.0/8"), (*ONE, "allowed-ips", "::/0",
     "allowed-ips", ""), (*ONE, "endpoint", "192.0.2.1:5", "endpoint", "192.0.2.1:6"),
    ("listen-port", "5", "fwmark", "x"), (*ONE, "allowed-ips", "::/0", "peer", key(1),
     "allowed-ips", "10.0.0.0/8"),
]  # fmt: skip
KEY_FILES = ["", "\n", SECRET, f"{SECRET}\n", f"{SECRET} \t\r\v\f\n\n", f"{SECRET} x", f"{SECRET}=",
    f" {SECRET}", SECRET[:-1], SECRET[:20] + "\n", "x" * 44, key(0), "A" * 42 + "B=", "-" * 44,
    f"{SECRET}{' ' * 5000}", f"{SECRET}{' ' * 5000}x", "é" * 22]  # fmt: skip


def set_words() -> Iterator[Case]:
    for words in SET_WORDS:
        yield Case(("set", "IF", *words))
    for text in KEY_FILES:
        yield Case(("set", "IF", "private-key", "KEY"), key=text)
        yield Case(("set", "IF", *ONE, "preshared-key", "KEY"), key=text)
    for path in ("/dev/null", "/nonexistent/key", ""):
        yield Case(("set", "IF", "private-key", path))
        yield Case(("set", "IF", *ONE, "preshared-key", path))
    yield Case(("set", "IF", "private-key", "KEY"), key=f"{SECRET}\0", differs="a clear word")
    yield Case(("set", "IF", "private-key", "/"), differs="a folder as a file")
    for words in ((), ("IF",), ("--help",), ("x", "y"), ("nix", "fwmark", "x")):
        yield Case(("set", *words))
    for words in (("nix", "fwmark", "5"), ("nix", *ONE)):
        yield Case(("set", *words), differs="no such interface")
    for reply in ("errno=-1\n\n", "errno=-22\n\n", "errno=-98\n\n", "", "\n", "errno=0\n",
                  "errno=x\n\n", "x=1\n\n", "errno\n\n", "errno=0\nx=5\n\n",
                  "errno=0\nerrno=-1\n\n", "errno=-\n\n"):  # fmt: skip
        yield Case(("set", "IF", "fwmark", "1"), reply)
    yield Case(("set", "IF", "fwmark", "1"), "errno=22\n\n", differs="positive errno")
    for port in ("65536", "70000", "4294967301"):
        yield Case(("set", "IF", "listen-port", port), differs="port cut to 16 bits")
    yield Case(("set", "IF", *ONE, "endpoint", "192.0.2.1:70000"), differs="port cut to 16 bits")
    for retries in ("", "0", "+0"):
        environment = {"WG_ENDPOINT_RESOLUTION_RETRIES": retries}
        yield Case(("set", "IF", *ONE, "endpoint", "nix.invalid:5"), environment=environment)
    for retries in ("x", "-1", "3x", "INFINITY", "9" * 30):
        environment = {"WG_ENDPOINT_RESOLUTION_RETRIES": retries}
        yield Case(("set", "IF", *ONE, "endpoint", "192.0.2.1:5"), environment=environment,
                   differs="retries of names alone")  # fmt: skip
    for prefixes in ("+10.0.0.0/8", "-10.0.0.1", "+10.0.0.0/8,-::/0", "10.0.0.0/8,+::/0"):
        words = ("set", "IF", *ONE, "allowed-ips", prefixes)
        yield Case(words, differs="signs of allowed IPs")


PEER = f"[Peer]\nPublicKey = {key(1)}\n"
WHOLE_PEER = (
    f"{PEER}PresharedKey = {SECRET}\nEndpoint = 192.0.2.1:51820\nPersistentKeepalive = 25\n"
    "AllowedIPs = 10.0.0.0/24, 2001:db8::/32,192.0.2.7 ,::1\n"
)
GOOD_FILES = [
    "", "\n\n", "# nothing\n", "[Interface]\n", "[Peer]\n", PEER,
    f"[Interface]\nPrivateKey = {SECRET}\nListenPort = 51820\nFwMark = 0xca6c\n",
    "[Interface]\nFwMark = 51820", "[Interface]\nFwMark = 00052\nListenPort=0077",
    "[Interface]\nFwMark = oFF", "[Interface]\nListenPort = 0\nFwMark = 0\n",
    f"[Interface]\nPrivateKey = {key(0)}\n", "[Interface]\nListenPort = domain\n",
    f"# one\n  [ iNTER face ] # two\nLISTEN port\t=\v5 1 8 2 0#3\r\n\n{PEER}",
    WHOLE_PEER,
    f"{PEER}AllowedIPs=10.0.0.0/8\nAllowedIPs=::/0",
    f"[Peer]\nAllowedIPs = ::/0\nPublicKey = {key(1)}",
    f"{PEER}AllowedIPs = 10.1.2.3/8, 2001:db8::1/32", f"{PEER}PersistentKeepalive = off",
    f"{PEER}PersistentKeepalive = 0", f"{PEER}Endpoint = [2001:db8::1]:7",
    f"{PEER}Endpoint = 2001:db8::1:7", f"{PEER}Endpoint = [192.0.2.1]:7",
    f"{PEER}Endpoint = [fe80::1%lo]:7",
    f"{PEER}[Interface]\nListenPort=1\n{PEER}AllowedIPs=::/0", f"{PEER}PresharedKey = {key(0)}\n",
    f"{PEER}\n[Peer]\nPublicKey = {key(2)}\n[Peer]\nPublicKey = {key(3)}\nAllowedIPs = ::/0",
    f"[PEER]\npublickey={key(1)}\nALLOWEDIPS=::/0\n", f"{PEER}Endpoint = localhost:7",
    f"{PEER}{PEER}", f"{PEER}Endpoint = 1:7\n", "[Interface]\n[Interface]\nFwMark = 1\n",
    f"{PEER}PublicKey = {key(2)}\n", "[Interface]\nListenPort = 1\nListenPort = 2\n",
    f"[Peer]\nPublicKey = {key(1)} # it ends\nAllowedIPs = 10.0.0.0/8#, ::/0",
]  # fmt: skip
_BAD_INTERFACE = ["foo", "foo=1", "ListenPort", "ListenPort=", "ListenPort=x", "ListenPort=-1",
    "ListenPort=0x10", "FwMark=x", "FwMark=0X10", "FwMark=0x", "FwMark=", "FwMark=+1", "FwMark",
    "FwMark=4294967296", "FwMark=0x100000000", "PrivateKey=", f"PrivateKey={SECRET[:-1]}",
    f"PrivateKey={SECRET}=", "PublicKey=abc", "[Peer]x", "[Peer", "[Peer]", "[Interface", "=", "==",
    "Address = 10.0.0.1/24", "DNS = 192.0.2.53", "PostUp = true", "Table = off",
    f"PublicKey={key(1)}"]  # fmt: skip
_BAD_PEER = ["foo=", "ListenPort=1", "PublicKey=abc", "PublicKey", "PresharedKey=",
    f"PresharedKey={SECRET}x", "Endpoint=", "Endpoint=[::1", "Endpoint=[::1]", "Endpoint=[::1]:",
    "Endpoint=[::1]7", "Endpoint=1.2.3.4", "Endpoint=1.2.3.4:", "Endpoint=:5", "Endpoint=[]:5",
    "PersistentKeepalive=x", "PersistentKeepalive=65536", "PersistentKeepalive=",
    "PersistentKeepalive=-1", "AllowedIPs=x", "AllowedIPs=10.0.0.1/33", "AllowedIPs=10.0.0.0/",
    "AllowedIPs=10.0.0.0/24,", "AllowedIPs=,10.0.0.0/24", "AllowedIPs=10.0.0.0/24/3",
    "AllowedIPs=10.0.0.0/24x", "AllowedIPs=/24", "AllowedIPs=10.0.0.0/-1", "AllowedIPs=::/129",
    "Endpoint=nix.invalid:1", "AllowedIPs", "MTU = 1420"]  # fmt: skip
BAD_FILES = [
    *(f"[Interface]\n{line}" for line in _BAD_INTERFACE), *(f"{PEER}{line}" for line in _BAD_PEER),
    "ListenPort=1", "PublicKey=x", f"{PEER}[Peer]\n[Interface]\nListenPort=1", "[Nix]\n", "[]",
    f"[Interface]\nListenPort=1\n[Peer]\n{PEER}", "x", "[Interface]ListenPort=1",
]  # fmt: skip
THERE = (
    INTERFACE + peer(1, f"preshared_key={'0' * 64}", "persistent_keepalive_interval=0")
    + peer(4, "allowed_ip=10.0.0.0/8") + peer(2) + EMPTY
)  # fmt: skip


def files(command: str) -> Iterator[Case]:
    for text in (*GOOD_FILES, *BAD_FILES, *mutated(60, command)):
        yield Case((command, "IF", "FILE"), THERE, file=text)
    for words in ((), ("IF",), ("IF", "FILE", "x"), ("--help",), ("IF", "/nonexistent/f")):
        yield Case((command, *words))
    yield Case((command, "nix", "FILE"), file="[Interface]\n", differs="no such interface")
    yield Case((command, "IF", "/"), differs="a folder as a file")
    signed = f"{PEER}AllowedIPs = +10.0.0.0/8, -::/0\n"
    yield Case((command, "IF", "FILE"), THERE, file=signed, differs="signs of allowed IPs")
    for text in (f"{PEER}AllowedIPs =", f"{PEER}AllowedIPs = # none"):
        yield Case((command, "IF", "FILE"), THERE, file=text, differs="no allowed IPs in a file")
    large = "[Interface]\nListenPort = 70000\n"
    yield Case((command, "IF", "FILE"), THERE, file=large, differs="port cut to 16 bits")


def syncconf() -> Iterator[Case]:
    yield from files("syncconf")
    several = peer(9) + peer(200) + peer(3) + peer(1) + EMPTY
    for text in (PEER, f"[Peer]\nPublicKey = {key(9)}\n{PEER}", "[Interface]\nFwMark = 1\n"):
        yield Case(("syncconf", "IF", "FILE"), several, file=text)
        yield Case(("syncconf", "IF", "FILE"), EMPTY, file=text)
    for reply in BAD_REPLIES.values():
        yield Case(("syncconf", "IF", "FILE"), reply, file=PEER)
    for line in (f"preshared_key={SECRET_HEX}", "persistent_keepalive_interval=25"):
        there = peer(1, line) + EMPTY
        yield Case(("syncconf", "IF", "FILE"), there, file=PEER, differs="cleared in syncconf")


def mutated(count: int, seed: str) -> Iterator[str]:
    """Yield configurations with a few things wrong, odd or moved; the same ones every time.

    Endpoints are left alone but for the cases above, for what looks like a name would be looked up.
    """
    lottery = random.Random(seed)
    for _ in range(count):
        lines = lottery.choice(GOOD_FILES[6:]).split("\n")
        for _ in range(lottery.randint(1, 3)):
            at = lottery.randrange(len(lines))
            if "Endpoint" not in lines[at]:
                lines[at] = _mutated_line(lottery, lines[at])
            if lottery.random() < 0.3:
                lines.insert(lottery.randrange(len(lines) + 1), lottery.choice(lines))
        yield "\n".join(lines)


def _mutated_line(lottery: random.Random, line: str) -> str:
    how = lottery.randrange(5)
    at = lottery.randrange(len(line) + 1)
    if how == 0:
        return line[:at] + lottery.choice("=#[]/,.:-+ \t\rxX09") + line[at:]
    if how == 1:
        return line[:at] + line[at + 1 :]
    if how == 2:
        return line.swapcase() if "Key" not in line else line.replace("Key", "kEY")
    if how == 3:
        return f"{line[:at]} \t{line[at:]}"
    return line[:at]


def keys() -> Iterator[Case]:
    texts = [
        "", "\n", SECRET, f"{SECRET}\n", f"{SECRET} \t\r\v\f\n\0\n", f"{SECRET}x", f"{SECRET}\n\nx",
        f" {SECRET}", SECRET[:-1], f"{SECRET}=", SECRET.replace("=", "A"), "A" * 42 + "B=",
        "A" * 43 + "=", "é" * 22, "-" * 43 + "=", f"{SECRET}{' ' * 10000}",
        f"{SECRET}{' ' * 10000}x", *(key(number) for number in range(1, 256, 13)),
    ]  # fmt: skip
    for text in texts:
        yield Case(("pubkey",), stdin=text)
    for command in ("genkey", "genpsk", "pubkey"):
        for words in (("x",), ("--help",), ("-h",), ("x", "y")):
            yield Case((command, *words), stdin=SECRET)


COMMANDS = {
    "`wg`, its help and version": list(dispatch()),
    "`show`": list(show()),
    "`showconf`": list(showconf()),
    "`set`": list(set_words()),
    "`setconf`": list(files("setconf")),
    "`addconf`": list(files("addconf")),
    "`syncconf`": list(syncconf()),
    "`genkey`, `genpsk`, `pubkey`": list(keys()),
}
