"""What happens, as Kafka records and as lines of a file."""

import base64
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import orjson

from streamproc.contracts.instants import to_iso
from streamproc.simulate.lives.life import MINUTE_MS, Happening
from streamproc.transport.lines import EVENT_TOPICS


class EventRecord(NamedTuple):
    """An event as it is sent. ts_ms: when it happened; topic: without a prefix; broken: it is no JSON, or no event."""

    ts_ms: int
    topic: str
    key: bytes
    value: bytes
    broken: bool = False


def recorded(happenings: Iterable[Happening], series: str) -> Iterator[EventRecord]:
    """The records, with messageIds of this series: two series have none in common."""
    for happening in happenings:
        yield _record(happening, happening.ts_ms, series)


def recorded_live(
    happenings: Iterable[Happening], series: str, now_ms: Callable[[], int]
) -> Iterator[EventRecord]:
    """The records, as if each happened at the instant at which it is asked for."""
    for happening in happenings:
        yield _record(happening, now_ms(), series)


def line(record: EventRecord) -> bytes:
    """A line for `streamproc publish`; a broken value is in base64, since it may hold anything."""
    topic = record.topic.encode()
    if not record.broken:
        return b'{"topic":"%b","value":%b}\n' % (topic, record.value)
    value = base64.b64encode(record.value)
    return b'{"topic":"%b","key":"%b","value_base64":"%b"}\n' % (topic, record.key, value)


def _record(happening: Happening, ts_ms: int, series: str) -> EventRecord:
    _, channel, who, number, call = happening
    event = {
        **call,
        who.field: who.name,
        "messageId": f"{series}-{who.name}-{number}",
        "timestamp": _iso(ts_ms),
    }
    return EventRecord(ts_ms, EVENT_TOPICS[channel], who.key, orjson.dumps(event))


def _iso(ts_ms: int) -> str:
    """As `to_iso`; quicker where many instants share their minute."""
    minute, rest_ms = divmod(ts_ms, MINUTE_MS)
    return f"{_minute(minute)}{rest_ms // 1000:02d}.{rest_ms % 1000:03d}Z"


@lru_cache(maxsize=64)
def _minute(minute: int) -> str:
    return to_iso(minute * MINUTE_MS).removesuffix("00.000Z")
