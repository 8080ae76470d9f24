"""What follows each command of the table in `main`: for the commands and for completion."""

from collections.abc import Mapping
from typing import Final

from wiresnake.cli.grammar import CONFIG, FILE, INTERFACE, Grammar, Option

QR: Final = Grammar(
    "FILE [--png OUT] [--svg OUT]",
    ((CONFIG, FILE),),
    options=(
        Option("--png", "Write the picture there instead", "OUT", (FILE,)),
        Option("--svg", "Write the picture there instead, as vectors", "OUT", (FILE,)),
    ),
)

GRAMMARS: Final[Mapping[str, Grammar]] = {
    "show": Grammar("{ <interface> | all | interfaces }", ((INTERFACE, "all", "interfaces"),)),
    "genkey": Grammar(""),
    "genpsk": Grammar(""),
    "pubkey": Grammar(""),
    "demo": Grammar(""),
    "qr": QR,
}
