"""What stands for a text where only a number fits."""

import xxhash


def text_hash(text: str) -> int:
    """XXH32, of a text in UTF-8. It must never change: states hold it, and ids of segments are made of it."""
    return xxhash.xxh32_intdigest(text.encode())
