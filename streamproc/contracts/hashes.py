"""What stands for a text where only a number fits, or so many bytes."""

from typing import Final

import xxhash

from streamproc.contracts.events import CATEGORY_BYTES

#: What around the name of a category is not part of it.
_TRIMMED: Final = " \0"


def text_hash(text: str) -> int:
    """XXH32, of a text in UTF-8. It must never change: states hold it, and ids of segments are made of it."""
    return xxhash.xxh32_intdigest(text.encode())


def as_category(text: str) -> bytes:
    """The name under which a category is known: its first 24 bytes of UTF-8, whole characters only.

    Spaces and U+0000 around it are not part of it.
    """
    cut = text.strip(_TRIMMED).encode()[:CATEGORY_BYTES].decode(errors="ignore")
    return cut.strip(_TRIMMED).encode()
