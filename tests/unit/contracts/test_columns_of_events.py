"""The columns of a chunk are what the reference reads in its events, one by one."""

import json
from typing import Any

import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.contracts.decode import decode_chunk
from streamproc.contracts.hashes import text_hash
from streamproc.contracts.meanings import CHANNELS, CONSENT_CHANNELS, ORIGINS, TALLIES, consent_bits
from streamproc.contracts.subjects import PAGES, PRODUCTS
from streamproc.contracts.time_zones import zone_codes
from tests.reference.campaigns_outcomes import (
    BOUNCED,
    CLICKED,
    OPENED,
    UNSUBSCRIBED,
    check_outcome,
    is_contact,
    is_outcome,
)
from tests.reference.campaigns_outcomes import TALLIES as outcome_tallies
from tests.reference.event import Event, Invalid, read_event
from tests.reference.meanings import PLAIN, Meaning, read_meanings
from tests.reference.properties import (
    DURATION_MS_MAX,
    SURVEYS,
    answer,
    category,
    number,
    order_micros,
    own_duration_ms,
    page_shown,
    price_micros,
    product_shown,
    quantity,
    ticket_id,
)
from tests.unit.contracts.events import (
    MEANINGS,
    NOW_MS,
    Record,
    accepted_events,
    events,
    likely_events,
    outcomes,
)

READ_MEANINGS = read_meanings({})
SIGNS = {"add": 1, "remove": -1, "open": 1, "close": -1, None: 0}


def read(value: bytes, topic_channel: str) -> dict[str, Any]:
    """The columns of one record, plainly; Invalid if it is not accepted."""
    event = read_event(value, NOW_MS)
    if is_outcome(event):
        return reported(event)
    if topic_channel == "outcomes":
        raise Invalid("not_an_outcome")
    meaning = READ_MEANINGS.get(event.name, PLAIN) if event.name is not None else PLAIN
    channel = meaning.channel or topic_channel
    is_identify = event.type == "identify"
    activity = channel != "support" if meaning.activity is None else meaning.activity
    activity = activity and not is_identify
    duration_ms = own_duration_ms(event, meaning)
    return {
        "customer": event.customer,
        "ts_ms": event.ts_ms,
        "message_hash": xxhash.xxh3_64_intdigest(event.message_id.encode()),
        "channel": CHANNELS.index(channel),
        "counted": not is_identify,
        "activity": activity,
        "duration_ms": -1 if duration_ms is None or is_identify else duration_ms,
        "name": text_hash(event.name) if event.name in READ_MEANINGS else 0,
        "tally": list(TALLIES).index(meaning.counts) if meaning.counts else -1,
        "valence": {"positive": 1, "neutral": 0, "negative": -1}[meaning.valence],
        "consent": consent_bits(event.consent if is_identify else meaning.consent),
        "suppressed": {True: 1, False: -1, None: 0}[event.suppressed],
        "time_zone": text_hash(event.time_zone or "") if event.time_zone in zone_codes() else 0,
        "answered": -1,
        "contact": -1,
        "category": category(event).encode() if activity else b"",
        **amounts(event, meaning),
        **subjects(event, meaning, activity),
    }


def reported(event: Event) -> dict[str, Any]:
    """The columns of an outcome."""
    check_outcome(event)
    number(event, "duration_ms", 0, DURATION_MS_MAX)
    channel = event.properties["channel"]
    tally = outcome_tallies.get((event.name or "", channel))
    code = CONSENT_CHANNELS.index(channel)
    nothing = {
        **dict.fromkeys(("counted", "activity", "name", "valence", "order", "money_micros", "cart"), 0),
        **dict.fromkeys(("cart_micros", "score", "ticket", "ticket_hash", "shown", "suppressed"), 0),
        **dict.fromkeys(("duration_ms", "survey", "view"), -1),
        **{"category": b"", "time_zone": 0},
    }
    return {
        **nothing,
        "customer": event.customer,
        "ts_ms": event.ts_ms,
        "message_hash": xxhash.xxh3_64_intdigest(event.message_id.encode()),
        "tally": list(TALLIES).index(tally) if tally else -1,
        "consent": consent_bits({channel: False}) if event.name in (BOUNCED, UNSUBSCRIBED) else -1,
        "answered": code if event.name in (OPENED, CLICKED) else -1,
        "contact": code if is_contact(event) else -1,
    }


def amounts(event: Event, meaning: Meaning) -> dict[str, Any]:
    pieces = quantity(event) if meaning.cart else 0
    return {
        "order": meaning.order,
        "money_micros": order_micros(event, meaning, MEANINGS.currency) if meaning.order else 0,
        "cart": SIGNS[meaning.cart] * pieces,
        "cart_micros": pieces * price_micros(event, MEANINGS.currency) if meaning.cart else 0,
    }


def subjects(event: Event, meaning: Meaning, activity: bool) -> dict[str, Any]:
    answered = answer(event) if meaning.survey else None
    page = page_shown(event) if activity and event.type in ("page", "screen") else None
    product = product_shown(event) if activity and meaning.counts == "product_views" else None
    return {
        "survey": -1 if answered is None else list(SURVEYS).index(answered[0]),
        "score": 0 if answered is None else answered[1],
        "ticket": SIGNS[meaning.ticket],
        "ticket_hash": xxhash.xxh3_64_intdigest(ticket_id(event).encode()) if meaning.ticket else 0,
        "view": PAGES if page else PRODUCTS if product else -1,
        "shown": text_hash(page or product or "") if page or product else 0,
    }


@settings(max_examples=200, deadline=None)
@given(
    st.lists(accepted_events | outcomes | likely_events | events, max_size=8),
    st.lists(st.sampled_from((*range(4), 0, 1)), min_size=8, max_size=8),
)
def test_columns_are_what_the_reference_reads(values: list[dict[str, Any]], origins: list[int]) -> None:
    """Of all accepted events, and it accepts the same ones."""
    records = [Record(place, json.dumps(value).encode()) for place, value in enumerate(values)]
    expected = {}
    for place, record in enumerate(records):
        try:
            expected[place] = read(record.value or b"", ORIGINS[origins[place]])
        except Invalid:
            continue
    decoded = decode_chunk(
        records, topic=2, origin=origins[: len(records)], meanings=MEANINGS, wall_now_ms=NOW_MS
    )
    assert decoded.index.tolist() == decoded.columns.offset.tolist() == list(expected)
    for row, columns in enumerate(expected.values()):
        assert {name: getattr(decoded.columns, name)[row] for name in columns} == columns
