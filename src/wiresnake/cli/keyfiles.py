"""Files that hold one key, as ``genkey`` and ``genpsk`` write them."""

from typing import Final

from wiresnake.config.fields import InvalidField
from wiresnake.values.keys import KEY_SIZE, InvalidKey, Secret

_CHARACTERS: Final = 44
_BLANKS: Final = b" \t\n\v\f\r"
_CHUNK: Final = 4096


def read(path: str) -> bytes:
    """Return the 32 bytes of the key in a file: 44 characters, which only blanks may follow.

    An empty file, such as ``/dev/null``, holds the zero key, which stands for none. Raises
    InvalidField, whose message shows nothing of the key.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(_CHARACTERS)
            if not text:
                return bytes(KEY_SIZE)
            if len(text) < _CHARACTERS:
                raise InvalidField("Invalid length key in key file")
            while more := file.read(_CHUNK):
                if rest := more.strip(_BLANKS):
                    shown = chr(rest[0]) if 0x20 < rest[0] < 0x7F else f"\\x{rest[0]:02x}"
                    raise InvalidField(f"Found trailing character in key file: `{shown}'")
    except OSError as bad:
        raise InvalidField(f"fopen: {bad.strerror}") from None
    try:
        return Secret.from_base64(text.decode("ascii", "replace")).reveal()
    except InvalidKey as bad:
        raise InvalidField(f"{bad}: (hidden)") from None
