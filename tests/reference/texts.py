"""Texts as they are remembered and compared: not longer than a category."""

CATEGORY_BYTES = 24


def cut(written: str) -> str:
    """Without spaces around it, and of that the first 24 bytes in UTF-8: whole characters only."""
    first = written.strip(" ").encode()[:CATEGORY_BYTES]
    return first.decode(errors="ignore").strip(" ")
