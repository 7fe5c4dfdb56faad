"""Forms: what msgspec makes of a typed value, encoded once with blanks, to be filled in for many by `contracts.filled`.

The types say what stands around the blanks and in which order these come. To fill in is to copy bytes: of a signal it
takes a fraction of the time that it takes to make the typed values, to encode and to pack them.
"""

from typing import Any, Final

import msgspec

to_json: Final = msgspec.json.Encoder().encode
to_msgpack: Final = msgspec.msgpack.Encoder().encode

#: JSON escapes the zero byte in texts, and MessagePack has none in front of short ones.
_MARK: Final = b"\0"

# Blanks take the place of values of any type: msgspec copies Raw as it is.
BLANK: Final[Any] = msgspec.Raw(_MARK)
#: Of a text in JSON that needs no escapes.
QUOTED_BLANK: Final[Any] = msgspec.Raw(b'"%b"' % _MARK)
#: Of bytes in MessagePack: two, the first for their `bytes_head`.
BYTES_BLANK: Final[Any] = msgspec.Raw(_MARK + _MARK)


#: Constants with a blank between each and the next.
Form = tuple[bytes, ...]


def form_of(encoded: bytes) -> Form:
    """The form of a value that was encoded with blanks."""
    return tuple(encoded.split(_MARK))


def sized_blank(length: int) -> Any:
    """A blank for so many bytes in MessagePack."""
    return msgspec.Raw(bytes_head(length) + _MARK)


def bytes_head(length: int) -> bytes:
    """What MessagePack puts in front of so many bytes."""
    return to_msgpack(bytes(length))[: -length or None]
