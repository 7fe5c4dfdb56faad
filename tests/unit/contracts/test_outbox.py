"""Records out, and ids."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.contracts.outbox import OutRecord, stable_id, unpack

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_PARTS = st.lists(st.none() | st.integers() | _TEXT, max_size=4)


@given(
    st.builds(
        OutRecord,
        topic=_TEXT,
        key=st.binary(),
        headers=st.lists(st.tuples(_TEXT, st.binary()), max_size=3),
        value=st.binary(),
    )
)
def test_pack_and_unpack(record: OutRecord) -> None:
    """Nothing is lost; equal records give equal bytes."""
    again = unpack(record.pack())
    assert again == record
    assert again.pack() == record.pack()


def test_what_was_not_packed_is_refused() -> None:
    """By one exception."""
    for blob in (b"", b"\x00", b"\x94", msgspec.msgpack.encode(["t", b"k", [["h", 1]], b"v"])):
        with pytest.raises(msgspec.DecodeError):
            unpack(blob)


def test_ids_are_frozen() -> None:
    """Those already published must come again."""
    assert stable_id() == "cae66941d9efbd404e4d88758ea67670"
    assert stable_id("a", 12, None) == "43c541b6486e38d335a76a86279f0bcc"


def test_ids_are_blake2b_over_parts_with_their_lengths() -> None:
    """So that anybody can compute them."""
    framed = b"\x00\x00\x00\x01a" + b"\x00\x00\x00\x0212" + b"\xff\xff\xff\xff"
    assert stable_id("a", 12, None) == hashlib.blake2b(framed, digest_size=16).hexdigest()


@given(_PARTS, _PARTS)
def test_different_parts_give_different_ids(
    one: list[str | int | None], other: list[str | int | None]
) -> None:
    """Where one part ends is part of the id. Numbers count as they are written."""
    as_written = [[None if part is None else str(part) for part in parts] for parts in (one, other)]
    assert (stable_id(*one) == stable_id(*other)) == (as_written[0] == as_written[1])
