"""``qr``: a configuration as a QR code, in the terminal or as a picture."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import segno

from wiresnake.cli import configs, grammar
from wiresnake.cli.grammars import QR
from wiresnake.config.carry import NotCarried, carried
from wiresnake.host import secret_files

_WARNING: Final = "Warning: this holds the private key. Whoever sees or copies it is you."
_QUIET_ZONE: Final = 4
"""Modules that a QR code wants around it; readers make do with one."""
_COLUMNS: Final = 80
_PIXELS: Final = 8
_INK: Final = "\x1b[38;5;16;48;5;231m"
"""Black on white by their numbers in the palette that themes leave alone."""
_RESET: Final = "\x1b[0m"
_HALVES: Final = {(0, 0): " ", (1, 0): "\u2580", (0, 1): "\u2584", (1, 1): "\u2588"}


class TooLarge(ValueError):
    """More text than a QR code holds; the message says how much."""


def run(arguments: list[str]) -> int:
    """Draw the code of one configuration; in the terminal unless a file is named."""
    if arguments in grammar.HELP:
        print(grammar.usage("qr", QR))
        return 0
    try:
        words = grammar.read(QR, arguments, least=1)
        path = configs.locate(words.operands[0])
        text = _shortened(path)
        code = encode(text)
        print(_WARNING, file=sys.stderr)
        wanted = [(kind, words.one(f"--{kind}")) for kind in ("png", "svg")]
        for kind, target in wanted:
            if target is not None:
                _save(Path(target), picture(code, kind))
        if not any(target for _, target in wanted):
            _show(code)
    except (grammar.UsageError, configs.Unreadable, TooLarge) as bad:
        print(f"wiresnake qr: {bad}", file=sys.stderr)
        return 1
    return 0


def encode(text: str) -> segno.QRCode:
    """Return the smallest QR code of ``text``. Raises TooLarge."""
    try:
        return segno.make_qr(text, error="l", mode="byte", encoding="utf-8")
    except segno.DataOverflowError:
        size = len(text.encode())
        raise TooLarge(f"{size} bytes are more than a QR code holds (2953)") from None


def drawn(code: segno.QRCode, border: int = _QUIET_ZONE) -> Iterator[str]:
    """Yield the lines of the code, two rows of modules in each, for any terminal's colours."""
    rows = [bytes(row) for row in code.matrix_iter(border=border)]
    if len(rows) % 2:
        rows.append(bytes(len(rows[0])))
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        blocks = (_HALVES[top, bottom] for top, bottom in zip(upper, lower, strict=True))
        yield f"{_INK}{''.join(blocks)}{_RESET}"


def picture(code: segno.QRCode, kind: str) -> bytes:
    """Return the code as a file of this kind, png or svg."""
    stream = io.BytesIO()
    code.save(stream, kind=kind, scale=_PIXELS, border=_QUIET_ZONE, light="white")
    return stream.getvalue()


def show(text: str) -> None:
    """Draw the code of a configuration on standard output. Raises NotCarried, TooLarge."""
    _show(encode(carried(text).text))


def _show(code: segno.QRCode) -> None:
    columns = os.get_terminal_size().columns if sys.stdout.isatty() else _COLUMNS
    width = len(code.matrix)
    border = min(_QUIET_ZONE, max(1, (columns - width) // 2))
    if sys.stdout.isatty() and width + 2 * border > columns:
        raise TooLarge(
            f"the code is {width + 2 * border} columns wide and the terminal {columns}:"
            " make it wider, or write a file (--png, --svg)"
        )
    print(*drawn(code, border), sep="\n")


def _shortened(path: Path) -> str:
    try:
        text, left_behind = carried(configs.text_of(path))
    except NotCarried as bad:
        raise configs.Unreadable(f"{path}: {bad}") from None
    if left_behind:
        names = ", ".join(left_behind)
        print(f"Left out, for phones refuse it: {names}", file=sys.stderr)
    return text


def _save(path: Path, content: bytes) -> None:
    try:
        secret_files.create(path, content)
    except FileExistsError:
        raise configs.Unreadable(f"{path} exists; remove it or name another file") from None
    except OSError as error:
        raise configs.Unreadable(f"{path}: {error.strerror}") from None
