"""Texts as they are remembered and compared: not longer than a category."""

CATEGORY_BYTES = 24


def cut(written: str) -> str:
    """Without spaces and U+0000 around it, and of that the first 24 bytes in UTF-8: whole characters only."""
    first = written.strip(" \0").encode()[:CATEGORY_BYTES]
    return first.decode(errors="ignore").strip(" \0")
