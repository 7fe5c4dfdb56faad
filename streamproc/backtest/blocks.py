"""Lines of files in blocks, and what one block holds: the accepted events as columns, the others by their line.

A block is decoded without a look at any other, so several processes can do it. `chronicle` puts them together.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Final, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from streamproc.contracts.columns import EventRows, concat
from streamproc.contracts.decode import decode_chunk
from streamproc.contracts.failures import Failure
from streamproc.contracts.meanings import Meanings
from streamproc.sources import SOURCES, origins_of
from streamproc.transport.lines import LineError, customer_key, open_line

#: Bytes of a block, about: some thousand events, which cost least each when they are decoded together.
_BLOCK_BYTES: Final = 1_500_000
#: Refused events that are listed.
LISTED: Final = 20

Ints = NDArray[np.int64]


class Refused(NamedTuple):
    """An event that the engine refused, by the line where it stands."""

    line: int
    failure: Failure


class Block(NamedTuple):
    """Some lines, the first of which has the number `first_line`; `topic`: of those without an envelope."""

    first_line: int
    topic: str
    text: bytes


class Stray(NamedTuple):
    """A record that is no accepted event, and yet has its place in a log: its line, topic (code) and Kafka key."""

    line: int
    topic: int
    key: bytes


class _Record(Struct, gc=False):
    """`offset`: the line."""

    offset: int
    value: bytes
    key: None = None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(slots=True)
class Parcel:
    """What a block holds. Events of one topic stand in the order of their lines, which is what `rows` has for offsets.

    records: all lines that are records; bad_lines: the others, and why. ids: the customers; customer: of each event,
    its place among them. strays: the records that were refused; first_refused: some of them, and why.
    """

    records: int
    bad_lines: list[tuple[int, str]]
    ids: list[str]
    customer: Ints
    rows: EventRows
    strays: list[Stray] = field(default_factory=list)
    first_refused: list[Refused] = field(default_factory=list)


def blocks_of(file: IO[bytes], first_line: int, topic: str) -> Iterator[Block]:
    """The lines of a file; of its first one the number is `first_line`."""
    while text := file.read(_BLOCK_BYTES):
        text += file.readline()
        yield Block(first_line, topic, text)
        first_line += lines_in(text)


def lines_in(text: bytes) -> int:
    """How many lines a block has."""
    return text.count(b"\n") + (not text.endswith(b"\n"))


def decode(block: Block, meanings: Iterable[Meanings], wall_now_ms: int) -> list[Parcel]:
    """What a block holds by each of some meanings. `wall_now_ms`: what lies behind is refused."""
    records: defaultdict[int, list[_Record]] = defaultdict(list)
    bad_lines: list[tuple[int, str]] = []
    for line, text in enumerate(block.text.split(b"\n"), block.first_line):
        stripped = text.strip()
        if stripped:
            try:
                topic, value = open_line(stripped, block.topic)
            except LineError as error:
                bad_lines.append((line, str(error)))
            else:
                records[SOURCES.index(topic)].append(_Record(line, value or b""))
    return [_parcel(records, bad_lines, meaning, wall_now_ms) for meaning in meanings]


def _parcel(
    by_topic: dict[int, list[_Record]], bad_lines: list[tuple[int, str]], meanings: Meanings, wall_now_ms: int
) -> Parcel:
    parts, strays, refused = [], [], []
    for topic, records in by_topic.items():
        found = decode_chunk(
            records,
            topic=topic,
            origin=origins_of(topic, records),
            meanings=meanings,
            wall_now_ms=wall_now_ms,
        )
        parts.append(found.columns)
        for failure in found.failures:
            # Where no customer can be read, the engine refuses the event wherever it is.
            key = customer_key(records[failure.position].value) or b""
            strays.append(Stray(failure.offset, topic, key))
            refused.append(Refused(failure.offset, failure))
    events = (
        concat(parts)
        if parts
        else decode_chunk([], topic=0, origin=0, meanings=meanings, wall_now_ms=0).columns
    )
    codes: dict[str, int] = {}
    customer = [codes.setdefault(one, len(codes)) for one in events.customer]
    return Parcel(
        sum(map(len, by_topic.values())),
        bad_lines,
        list(codes),
        np.array(customer, np.int64),
        events.rows,
        strays,
        sorted(refused, key=lambda one: one.line)[:LISTED],
    )
