"""What follows each command of the table in `main`: for the commands and for completion."""

from collections.abc import Mapping
from typing import Final

from wiresnake.cli.grammar import CONFIG, DIRECTORY, FILE, INTERFACE, Grammar, Option

QR: Final = Grammar(
    "FILE [--png OUT] [--svg OUT]",
    ((CONFIG, FILE),),
    options=(
        Option("--png", "Write the picture there instead", "OUT", (FILE,)),
        Option("--svg", "Write the picture there instead, as vectors", "OUT", (FILE,)),
    ),
)
NEW: Final = Grammar(
    "--endpoint HOST[:PORT] --client NAME... [--network PREFIX] [--network6 PREFIX]"
    " [--interface NAME] [--dns ADDRESS]... [--route-all] [--psk] [--qr] [--output DIR]"
    "\n       wiresnake new --add FILE --client NAME... [...]"
    "\n       wiresnake new",
    options=(
        Option("--endpoint", "Where clients reach the server", "HOST[:PORT]"),
        Option("--client", "A client, and the name of its file", "NAME", repeats=True),
        Option("--network", "The IPv4 network inside, or none (10.x.y.0/24)", "PREFIX"),
        Option("--network6", "The IPv6 network inside, or none (fd...::/64)", "PREFIX"),
        Option("--interface", "The name of the server's file (wg0)", "NAME"),
        Option("--dns", "Whom clients ask for names", "ADDRESS", repeats=True),
        Option("--route-all", "Clients send everything through the server"),
        Option("--psk", "Give each client a preshared key too"),
        Option("--qr", "Show each client's QR code"),
        Option("--output", "Where the files are written (here)", "DIR", (DIRECTORY,)),
        Option("--add", "Add clients to the server that has this file", "FILE", (CONFIG, FILE)),
    ),
)
DOCTOR: Final = Grammar("[ <interface> | <config file> ]", ((INTERFACE, CONFIG, FILE),))

INSTALL_UNITS: Final = Grammar(
    "[--dir DIR]",
    options=(Option("--dir", "Where (/etc/systemd/system)", "DIR", (DIRECTORY,)),),
)

COMPLETION: Final = Grammar("{ bash | zsh | fish }", (("bash", "zsh", "fish"),))

_SHOWN: Final = (
    "public-key", "private-key", "listen-port", "fwmark", "peers", "preshared-keys", "endpoints",
    "allowed-ips", "latest-handshakes", "transfer", "persistent-keepalive", "dump",
)  # fmt: skip
_SETTINGS: Final = (
    "listen-port", "fwmark", "private-key", "peer", "remove", "preshared-key", "endpoint",
    "persistent-keepalive", "allowed-ips", FILE,
)  # fmt: skip
_FROM_FILE: Final = Grammar("<interface> <configuration filename>", ((INTERFACE,), (FILE,)))
_NO_HOOKS: Final = Option("--no-hooks", "Do not run PreUp, PostUp, PreDown, PostDown")

GRAMMARS: Final[Mapping[str, Grammar]] = {
    "show": Grammar(
        "{ <interface> | all | interfaces } [<what>] [--json]",
        ((INTERFACE, "all", "interfaces"), _SHOWN),
        options=(Option("--json", "Tell all in JSON"),),
    ),
    "showconf": Grammar("<interface>", ((INTERFACE,),)),
    "set": Grammar("<interface> [<words>]", ((INTERFACE,),), _SETTINGS),
    "setconf": _FROM_FILE,
    "addconf": _FROM_FILE,
    "syncconf": _FROM_FILE,
    "up": Grammar(
        "[--no-hooks] [--kill-switch] [--backend WHICH] [--attach] <config file | interface>",
        ((CONFIG, FILE),),
        options=(
            _NO_HOOKS,
            Option("--kill-switch", "Nothing goes past the tunnel while it is up"),
            Option("--backend", "Who serves it", "WHICH", ("daemon", "kernel")),
            Option("--attach", "The interface is there already, and its daemon stays"),
        ),
    ),
    "down": Grammar(
        "[--no-hooks] [--remains] <config file | interface>",
        ((INTERFACE, FILE),),
        options=(_NO_HOOKS, Option("--remains", "Undo what a daemon that ended left, if anything")),
    ),
    "save": Grammar("<config file | interface>", ((INTERFACE, FILE),)),
    "strip": Grammar("<config file | interface>", ((CONFIG, FILE),)),
    "top": Grammar(
        "[--once] [--interval SECONDS] [<interface> ...]",
        rest=(INTERFACE,),
        options=(
            Option("--once", "Show it once, and end"),
            Option("--interval", "How often it is looked", "SECONDS"),
        ),
    ),
    "log": Grammar(
        "<interface> [--json] [--keylog FILE]",
        ((INTERFACE,),),
        options=(
            Option("--json", "One object a line"),
            Option(
                "--keylog", "Write the keys of sessions there too, for Wireshark", "FILE", (FILE,)
            ),
        ),
    ),
    "genkey": Grammar(""),
    "genpsk": Grammar(""),
    "pubkey": Grammar(""),
    "demo": Grammar(""),
    "qr": QR,
    "doctor": DOCTOR,
    "new": NEW,
    "completion": COMPLETION,
    "install-units": INSTALL_UNITS,
}
