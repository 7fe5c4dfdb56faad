"""The source topics of a shard, by code; and which of their events do not belong in it.

A producer whose partitioner is not murmur2 puts customers on other partitions than everybody else. Such events are
re-keyed: sent once more, through the outbox, to `streamproc.rekey`, a source like the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from streamproc.contracts.failed import bare_failed_record, failed_record
from streamproc.contracts.failures import Failure, FailureReason
from streamproc.contracts.meanings import ORIGINS
from streamproc.contracts.outbox import OutRecord
from streamproc.instants.inbox import Slice
from streamproc.transport.partitioner import partitions_of
from streamproc.transport.topics import Topics
from streamproc.windows.panes import INF
from streamproc.windows.table import CustomerTable

_log = structlog.get_logger(__name__)

#: The source topics, without prefix. The order by name is the order in which the event clock breaks ties.
SOURCES: Final = tuple(sorted(Topics().sources))

#: Header of a re-keyed record: the short name of the topic it was first sent to, which says its origin.
SOURCE_HEADER: Final = "streamproc-source-topic"

#: What a re-keyed record may weigh in all, so that it fits Kafka's default limit for a batch with room to spare.
REKEY_BYTES_MAX: Final = 1_000_000

_IMMOVABLE: Final = (
    "The event is on another partition than murmur2 of its customer gives, and too large to be brought "
    f"there (more than {REKEY_BYTES_MAX} bytes with its headers); send a smaller one, or use murmur2."
)
_MISPLACED: Final = (
    "The record was brought to this partition by streamproc.rekey and does not belong here; "
    "the topics must all have the same number of partitions."
)
_REKEY: Final = Topics().rekey
_REKEY_CODE: Final = SOURCES.index(_REKEY)
_ORIGIN_OF: Final = dict(zip(Topics().events, range(len(ORIGINS)), strict=True))


@dataclass(slots=True)
class Sorted:
    """The records of a slice by what becomes of them."""

    own: NDArray[np.int64]  # places of the events that belong here
    rekeyed: list[OutRecord]
    failed: list[OutRecord]


def origins_of(topic: int, records: Sequence[Any]) -> int | list[int]:
    """The origin of records: their topic's; of re-keyed ones, that of the topic they were first sent to."""
    if topic != _REKEY_CODE:
        return _ORIGIN_OF[SOURCES[topic]]
    sources = [
        (dict(record.headers).get(SOURCE_HEADER) or b"").decode(errors="replace") for record in records
    ]
    return [_ORIGIN_OF.get(source, 0) for source in sources]


def sort_slice(
    taken: Slice | None, table: CustomerTable, rows: NDArray[np.int64], partition: int, partitions: int
) -> Sorted:
    """Tell a slice's own events from those that belong to another partition and from failures.

    `rows`: int64[n events], the events' customers in `table`. It is enough to look at customers without a state: the
    events of one who has a state here belong here.
    """
    if taken is None:
        return Sorted(rows, [], [])
    failed = [_failed(topic, partition, failure, record) for topic, failure, record in taken.failures]
    strays = _strays(table, partition, partitions)
    if not len(strays):
        return Sorted(np.arange(len(rows)), [], failed)
    stray = np.isin(rows, strays)
    rekeyed: list[OutRecord] = []
    for place in np.flatnonzero(stray).tolist():
        record, topic = taken.raw[place], int(taken.events.topic[place])
        if topic == _REKEY_CODE:  # it was brought here: never send it in circles
            failed.append(
                _failed(
                    topic, partition, whole_failure(record, FailureReason.WRONG_PARTITION, _MISPLACED), record
                )
            )
            continue
        headers = [*record.headers, (SOURCE_HEADER, SOURCES[topic].encode())]
        moved = OutRecord(_REKEY, taken.events.customer[place].encode(), headers, record.value)
        if _size(moved) > REKEY_BYTES_MAX:
            failed.append(
                _failed(topic, partition, whole_failure(record, FailureReason.TOO_LARGE, _IMMOVABLE), record)
            )
        else:
            rekeyed.append(moved)
    return Sorted(np.flatnonzero(~stray), rekeyed, failed)


def _strays(table: CustomerTable, partition: int, partitions: int) -> NDArray[np.int64]:
    """The rows of customers without a state who belong to another partition."""
    new = np.flatnonzero(table.head["first_seen_ms"] == INF)
    if not len(new):
        return new
    ids = [table.ids[row].encode() for row in new.tolist()]
    strays: NDArray[np.int64] = new[partitions_of(ids, partitions) != partition]
    return strays


def _failed(topic: int, partition: int, failure: Failure, record: Any) -> OutRecord:
    """What goes to events.failed. It can be the last word on a record, so it must not fail, whatever the record is."""
    try:
        return failed_record(
            failure,
            topic=SOURCES[topic],
            partition=partition,
            key=record.key,
            value=record.value,
            timestamp_ms=record.timestamp,
        )
    except Exception as error:
        _log.error(
            "a defect of streamproc: a failed event cannot be written down whole",
            place=f"{SOURCES[topic]}/{partition}/{failure.offset}",
            exc_info=error,
        )
        return bare_failed_record(
            topic=SOURCES[topic],
            partition=partition,
            offset=failure.offset,
            value=record.value,
            timestamp_ms=record.timestamp,
        )


def _size(record: OutRecord) -> int:
    """Bytes of key, value and headers."""
    return (
        len(record.key)
        + len(record.value)
        + sum(len(name) + len(value or b"") for name, value in record.headers)
    )


def whole_failure(record: Any, reason: FailureReason, message: str, position: int = 0) -> Failure:
    """What is wrong with a record as it stands, and with no field of it. `position`: its place in a chunk."""
    return Failure(position=position, offset=record.offset, reason=reason, field="$", message=message)
