"""The apply order of a shard's logs, and the evaluation instant of each record (semantics, section 2)."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.reference.campaigns_outcomes import is_outcome
from tests.reference.event import Event, Invalid, read_event
from tests.reference.properties import check_properties
from tests.reference.record import OUTCOMES, Logs, Record, channel_of
from tests.reference.rules import Rules

SECOND_MS = 1000


@dataclass(frozen=True, slots=True)
class Applied:
    """An accepted event at its place in the apply order; `at_ms` is its evaluation instant."""

    topic: str
    partition: int
    offset: int
    channel: str
    event: Event
    at_ms: int

    @property
    def coordinates(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Failed:
    """A record that is no accepted event, and why."""

    topic: str
    partition: int
    offset: int
    reason: str


def accepted(
    logs: Logs, shard: int, wall_now_ms: int, rules: Rules, failed: list[Failed]
) -> Iterator[tuple[int, str, int, Event, Record]]:
    """(M, topic, offset, event, record) of the accepted records of a shard; the others go to `failed`."""
    for (topic, partition), records in logs.items():
        if partition != shard:
            continue
        highest_ms = 0
        for record in records:
            try:
                event = read_event(record.value, wall_now_ms)
                if channel_of(topic, record) == OUTCOMES and not is_outcome(event):
                    raise Invalid("not_an_outcome")
                check_properties(event, rules)
            except Invalid as invalid:
                failed.append(Failed(topic, partition, record.offset, str(invalid)))
                continue
            highest_ms = max(highest_ms, event.ts_ms)
            yield highest_ms, topic, record.offset, event, record


def apply_order(
    logs: Logs, shard: int, wall_now_ms: int, rules: Rules, failed: list[Failed]
) -> list[Applied]:
    """The shard's accepted events in apply order; the others are appended to `failed`."""
    order = sorted(accepted(logs, shard, wall_now_ms, rules, failed), key=lambda one: one[:3])
    applied, clock_ms = [], 0
    for highest_ms, topic, offset, event, record in order:
        clock_ms = max(clock_ms, highest_ms)
        at_ms = clock_ms // SECOND_MS * SECOND_MS + SECOND_MS
        applied.append(Applied(topic, shard, offset, channel_of(topic, record), event, at_ms))
    return applied
