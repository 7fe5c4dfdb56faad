"""A record on its way out through the outbox, and the ids that make repeats recognisable."""

import hashlib
from typing import Final

import msgspec

_ENCODER: Final = msgspec.msgpack.Encoder()
#: No field is this long, so "absent" and "empty" differ.
_ABSENT: Final = b"\xff\xff\xff\xff"
#: To be copied, which takes half as long as to make another one.
_BLAKE2B: Final = hashlib.blake2b(digest_size=16)


#: Names and values, in their order; Kafka allows null values.
Headers = list[tuple[str, bytes | None]]


class OutRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record to produce. topic: the name without a prefix. headers: see `Headers`."""

    topic: str
    key: bytes
    headers: Headers
    value: bytes

    def pack(self) -> bytes:
        """One MessagePack blob; equal records give equal bytes."""
        return _ENCODER.encode(self)


_DECODER: Final = msgspec.msgpack.Decoder(OutRecord)


def unpack(blob: bytes) -> OutRecord:
    """The inverse of `OutRecord.pack`. Raises msgspec.DecodeError for anything else."""
    return _DECODER.decode(blob)


def stable_id(*parts: str | int | None) -> str:
    """128 bits of BLAKE2b in hex over the parts, each with its length in front; the same for ever."""
    return id_of_framed(b"".join(map(framed, parts)))


def id_of_framed(parts: bytes) -> str:
    """`stable_id` of parts that are framed and joined."""
    state = _BLAKE2B.copy()
    state.update(parts)
    return state.hexdigest()


def framed(part: str | int | None) -> bytes:
    """A part of an id with its length in front."""
    if part is None:
        return _ABSENT
    return framed_bytes(str(part).encode())


def framed_bytes(part: bytes) -> bytes:
    """The same of one that is a text in UTF-8."""
    return len(part).to_bytes(4) + part
