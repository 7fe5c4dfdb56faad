"""Events and records for the tests of the contracts: made by hand, and by Hypothesis."""

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from streamproc.contracts.decode import Decoded, decode_chunk
from streamproc.contracts.events import OUTCOMES as _OUTCOMES
from streamproc.contracts.instants import to_iso
from streamproc.contracts.meanings import EventMeaning, Meanings
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS

#: 2026-11-22T00:00:00Z
NOW_MS = 1_795_305_600_000
MEANINGS = Meanings(DEFAULT_MEANINGS, "EUR")

WEB, APP, SUPPORT, OUTCOMES = range(4)


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def event(**fields: Any) -> dict[str, Any]:
    """A valid page call, with `fields` over it; a field that is ... is left out."""
    valid = {"type": "page", "userId": "u1", "messageId": "m1", "timestamp": "2026-01-01T00:00:00Z"}
    return {name: value for name, value in {**valid, **fields}.items() if value is not ...}


def track(name: Any, **fields: Any) -> dict[str, Any]:
    """A valid track call."""
    return event(type="track", event=name, **fields)


def decode(
    *values: dict[str, Any] | bytes | None,
    channel: int | list[int] = WEB,
    names: dict[str, EventMeaning] | None = None,
    wall_now_ms: int = NOW_MS,
    correct_skew: bool = False,
) -> Decoded:
    """Decode values as one chunk; offsets start at 100. `names`: meanings instead of the default ones."""
    records = [
        Record(100 + place, json.dumps(value).encode() if isinstance(value, dict) else value)
        for place, value in enumerate(values)
    ]
    return decode_chunk(
        records,
        topic=1,
        origin=channel,
        meanings=MEANINGS if names is None else Meanings(names, "EUR"),
        wall_now_ms=wall_now_ms,
        correct_skew=correct_skew,
    )


def reason_of(value: dict[str, Any] | bytes | None, **options: Any) -> tuple[str, str]:
    """Reason and field of the one failure of a value."""
    decoded = decode(value, **options)
    assert len(decoded.columns) == 0
    (failure,) = decoded.failures
    assert failure.message.endswith(".")
    return failure.reason.value, failure.field


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_NUMBER = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
_ANYTHING: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | _NUMBER | _TEXT | st.just([]) | st.just({}) | st.just("")
)
#: Texts that are often the same: what is made of each text once must not depend on the others.
_COMMON_TEXT = st.sampled_from(["shoes", " shoes", "nps", "CSAT", "EUR", "/home", "é" * 20, "x" * 201])
_CHANNELS = st.sampled_from(["email", "push", "sms", "phone", "in_app", "fax"])
_ZONES = st.sampled_from(["Europe/Berlin", "UTC", "europe/berlin", "Mars/Olympus"])
_TIMES = st.datetimes().map(lambda moment: moment.isoformat() + "Z")

#: Events that are mostly valid: every field is right, or missing, or anything.
events = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["track", "page", "screen", "identify"]) | _ANYTHING,
        "event": st.sampled_from(sorted((*DEFAULT_MEANINGS, *_OUTCOMES))) | _ANYTHING,
        "name": _COMMON_TEXT | _ANYTHING,
        "userId": _TEXT | _ANYTHING,
        "anonymousId": _TEXT | _ANYTHING,
        "messageId": _TEXT | _ANYTHING,
        "timestamp": _TIMES | _ANYTHING,
        "sentAt": _TIMES | _ANYTHING,
        "properties": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                **dict.fromkeys(
                    ("revenue", "total", "value", "quantity", "price", "score", "duration_ms"),
                    st.integers(0, 10) | _NUMBER | _ANYTHING,
                ),
                **dict.fromkeys(
                    ("currency", "category", "product_id", "sku", "path", "url", "survey", "ticket_id"),
                    _COMMON_TEXT | _ANYTHING,
                ),
                "channel": _CHANNELS | _ANYTHING,
                "action_id": _COMMON_TEXT | _ANYTHING,
            },
        )
        | _ANYTHING,
        "traits": st.fixed_dictionaries(
            {},
            optional={
                "consent": st.dictionaries(
                    st.sampled_from(["email", "push", "sms", "phone", "in_app", "fax"]), _ANYTHING
                ),
                "suppressed": st.booleans() | _ANYTHING,
                "timezone": _ZONES | _ANYTHING,
            },
        )
        | _ANYTHING,
        "context": _ANYTHING,
    },
)

#: Events that are valid but for the values inside `properties` and `traits`.
likely_events = st.builds(
    lambda base, rest: {**rest, **base},
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["track", "page", "screen", "identify"]),
            "event": st.sampled_from([*sorted(DEFAULT_MEANINGS), *_OUTCOMES, "Other"]),
            "userId": _TEXT,
            "messageId": _TEXT,
            "timestamp": st.integers(0, NOW_MS).map(to_iso),
        }
    ),
    events,
)

#: Events that are all accepted, with properties of every kind.
accepted_events = st.builds(
    lambda base, properties: {**base, "properties": properties},
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["track", "track", "track", "page", "screen", "identify"]),
            "event": st.sampled_from([*sorted(DEFAULT_MEANINGS), "Other"]),
            "userId": st.sampled_from(["a", "b"]),
            "messageId": _TEXT,
            "timestamp": st.integers(0, NOW_MS).map(to_iso),
        },
        optional={
            "name": _COMMON_TEXT,
            "traits": st.fixed_dictionaries(
                {"consent": st.dictionaries(st.just("sms"), st.booleans())},
                optional={"suppressed": st.booleans(), "timezone": _ZONES},
            ),
        },
    ),
    st.fixed_dictionaries(
        {"score": st.integers(1, 5)},
        optional={
            **dict.fromkeys(("revenue", "total", "value", "price", "duration_ms"), st.floats(0, 1e6)),
            **dict.fromkeys(("category", "product_id", "sku", "path", "url", "survey"), _COMMON_TEXT),
            "quantity": st.integers(1, 9),
            "currency": st.sampled_from(["EUR", "USD"]),
            "ticket_id": st.sampled_from(["t1", 7]),
        },
    ),
)

#: Outcomes, most of them good.
outcomes = st.builds(
    lambda name, properties: track(name, properties=properties),
    st.sampled_from(_OUTCOMES),
    st.fixed_dictionaries(
        {"channel": _CHANNELS},
        optional={
            "action_id": st.sampled_from(["an-action", "", "a" * 200, "a" * 201, None, 7]),
            "duration_ms": st.sampled_from([1, "1"]),
            "category": _COMMON_TEXT,
            "revenue": _ANYTHING,
        },
    ),
)
