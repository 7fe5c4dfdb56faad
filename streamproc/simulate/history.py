"""A history: events of real or published data, ready to be replayed through the topics."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson
import xxhash

from streamproc.contracts.instants import to_iso

DAY_MS: Final = 86_400_000
#: After the last event nobody sends anything for so long: what follows is the work of timers alone.
SILENCE_DAYS: Final = 14

#: Of so many customers all but one agree to e-mails.
_EMAIL_ONE_IN: Final = 5
#: Of so many customers one agrees to push messages.
_PUSH_ONE_IN: Final = 2

#: What every history says of its consent.
CONSENT_NOTE: Final = (
    "Consent is invented, for the data has none: by a hash of their ids, 4 of 5 customers agree to e-mail, "
    "1 of 2 to push."
)


class HistoryEvent(NamedTuple):
    """An event and where it goes. topic: without a prefix; value: JSON."""

    ts_ms: int
    topic: str
    customer: str
    value: bytes


@dataclass(frozen=True, slots=True)
class History:
    """Events in the order of their time, and what a reader must know of them.

    about: where the data comes from. notes: how it was read, and what is invented, one sentence each.
    """

    name: str
    about: str
    notes: Sequence[str]
    events: Sequence[HistoryEvent]

    @property
    def customers(self) -> int:
        return len({event.customer for event in self.events})

    @property
    def first_ms(self) -> int:
        return self.events[0].ts_ms

    @property
    def last_ms(self) -> int:
        return self.events[-1].ts_ms

    @property
    def until_ms(self) -> int:
        """Midnight (UTC) after the silence that follows the last event."""
        return (self.last_ms // DAY_MS + 1 + SILENCE_DAYS) * DAY_MS


def event(topic: str, customer: str, ts_ms: int, message_id: str, call: dict[str, Any]) -> HistoryEvent:
    """An event of the Segment spec; `call` holds its type, and what the type wants."""
    body = {**call, "userId": customer, "messageId": message_id, "timestamp": to_iso(ts_ms)}
    return HistoryEvent(ts_ms, topic, customer, orjson.dumps(body))


def with_consent(events: Iterable[HistoryEvent], name: str) -> list[HistoryEvent]:
    """The events in the order of their time; before each customer's first one, an `identify` with consent."""
    timeline: list[HistoryEvent] = []
    known: set[str] = set()
    for item in sorted(events, key=lambda item: item.ts_ms):
        if item.customer not in known:
            known.add(item.customer)
            timeline.append(_consent(item.customer, item.ts_ms, name))
        timeline.append(item)
    return timeline


def _consent(customer: str, ts_ms: int, name: str) -> HistoryEvent:
    consent = {
        "email": xxhash.xxh32_intdigest(f"email {customer}".encode()) % _EMAIL_ONE_IN != 0,
        "push": xxhash.xxh32_intdigest(f"push {customer}".encode()) % _PUSH_ONE_IN == 0,
    }
    call = {"type": "identify", "traits": {"consent": consent}}
    return event("events.web", customer, ts_ms, f"{name}-consent-{customer}", call)


def spoilt(history: History) -> list[HistoryEvent]:
    """Copies of a few events, each with one mistake, that a worker must refuse."""
    step = len(history.events) // (len(MISTAKES) + 1)
    samples = history.events[step::step]
    return [item._replace(value=spoil(item.value)) for item, spoil in zip(samples, MISTAKES, strict=False)]


def _without_id(value: bytes) -> bytes:
    return value.replace(b'"messageId":', b'"message_id":')


def _without_offset(value: bytes) -> bytes:
    return value.replace(b'Z"}', b'"}')


def _unknown_type(value: bytes) -> bytes:
    return orjson.dumps({**orjson.loads(value), "type": "alias"})


def _truncated(value: bytes) -> bytes:
    return value[: len(value) // 2]


def _latin_1(value: bytes) -> bytes:
    return orjson.dumps({**orjson.loads(value), "event": "Café Visité"}).decode().encode("latin-1")


MISTAKES: Final = (_without_id, _without_offset, _unknown_type, _truncated, _latin_1)
