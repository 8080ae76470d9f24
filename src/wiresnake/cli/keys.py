"""``genkey``, ``genpsk``, ``pubkey``: keys as 44 characters of base64."""

import os
import stat
import sys
from typing import Final

from wiresnake.cli.program import called_as, complain, refuse
from wiresnake.values.keys import InvalidKey, PresharedKey, PrivateKey

_KEY_CHARACTERS: Final = 44
_BLANKS: Final = b" \t\n\v\f\r\0"


def run_genkey(arguments: list[str]) -> int:
    """Write a new private key, clamped (RFC 7748, 5)."""
    if arguments:
        return refuse("genkey")
    return _write_secret(PrivateKey.generate(os.urandom(32)).to_base64())


def run_genpsk(arguments: list[str]) -> int:
    """Write a new preshared key: 32 random bytes."""
    if arguments:
        return refuse("genpsk")
    return _write_secret(PresharedKey(os.urandom(32)).to_base64())


def run_pubkey(arguments: list[str]) -> int:
    """Read a private key, which only blanks may follow, and write its public key."""
    if arguments:
        return refuse("pubkey")
    text = sys.stdin.buffer.read(_KEY_CHARACTERS)
    if len(text) < _KEY_CHARACTERS:
        return _fail("Key is not the correct length or format")
    while more := sys.stdin.buffer.read(4096):
        if more.strip(_BLANKS):
            return _fail("Trailing characters found after key")
    try:
        key = PrivateKey.from_base64(text.decode("ascii", "replace"))
    except InvalidKey as bad:
        return _fail(str(bad))
    print(key.public)
    key.wipe()
    return 0


def _fail(why: str) -> int:
    return complain(f"{called_as()}: {why}")


def _write_secret(text: str) -> int:
    target = os.fstat(sys.stdout.fileno())
    if stat.S_ISREG(target.st_mode) and target.st_mode & stat.S_IRWXO:
        print("Warning: writing to world accessible file.", file=sys.stderr)
        print("Consider setting the umask to 077 and trying again.", file=sys.stderr)
    print(text)
    return 0
