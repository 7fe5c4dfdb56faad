"""Open journeys, contacts and words about a customer in packed states: what they take, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.contracts.hashes import text_hash
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.errors import StreamprocError
from streamproc.state.layout import pack, unpack
from streamproc.state.likely import KNOWN_IDS
from streamproc.windows.panes import DAY_MS, INF, NEVER
from streamproc.windows.table import (
    CONTACT_DTYPE,
    JOURNEY_DTYPE,
    NO_STEP,
    WORD_DTYPE,
    CustomerTable,
    Table,
    new_customers,
    no_journeys,
)

NOW_MS = 1_790_000_123_000
INSTANTS = st.one_of(
    st.just(NEVER),
    st.just(INF),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.integers(-50, 50).map(lambda days: NOW_MS + days * DAY_MS),
    st.integers(-(2**20), 2**20).map(lambda seconds: NOW_MS + seconds * 1000),
)
PLACES = st.one_of(st.integers(0, 5), st.integers(0, 2**31 - 1))
JOURNEYS = st.tuples(
    st.just(0), st.one_of(st.integers(0, 2**32 - 1), st.sampled_from(KNOWN_IDS.tolist())), st.integers(0, 2**40),
    INSTANTS, INSTANTS, INSTANTS, INSTANTS, INSTANTS, st.one_of(st.just(NO_STEP), PLACES), PLACES, PLACES, PLACES,
)  # fmt: skip
CONTACTS = st.tuples(st.just(0), st.integers(0, len(CONSENT_CHANNELS) - 1), INSTANTS)


def one(
    journeys: Table | None = None, contacts: Table | None = None, words: Table | None = None
) -> CustomerTable:
    """A customer who was last active a while before now."""
    table = new_customers(["c"])
    table.head["first_seen_ms"] = table.head["last_activity_ms"] = NOW_MS - 9_876_543
    table.journeys = table.journeys if journeys is None else journeys
    table.contacts = table.contacts if contacts is None else contacts
    table.words = table.words if words is None else words
    return table


def size(table: CustomerTable) -> int:
    return len(pack(table)[0])


def asked_once() -> Table:
    """A campaign of the packaged rules that asked once, some days ago, without an open journey."""
    journeys = no_journeys(1)
    journeys["campaign"], journeys["seq"], journeys["requested_ms"] = text_hash("winback_dormant"), 1, NOW_MS
    return journeys


def waiting(step_ms: int, look_ms: int) -> Table:
    """The same with an open journey: the first step was requested, the second is due later."""
    journeys = asked_once()
    for name, value in (
        ("entered_ms", NOW_MS),
        ("first_ms", NOW_MS),
        ("step_ms", step_ms),
        ("look_ms", look_ms),
        ("step", 1),
        ("asked", 1),
        ("requests", 1),
    ):
        journeys[name] = value
    return journeys


@given(st.lists(JOURNEYS, max_size=5), st.lists(CONTACTS, max_size=64))
def test_journeys_and_contacts_come_back_as_they_were(
    journeys: list[tuple[int, ...]], contacts: list[tuple[int, ...]]
) -> None:
    table = one(np.array(journeys, JOURNEY_DTYPE), np.array(contacts, CONTACT_DTYPE))
    again = unpack(["c"], pack(table))
    assert (again.journeys == table.journeys).all()
    assert (again.contacts == table.contacts).all()


def test_a_campaign_without_an_open_journey_takes_as_little_as_a_segment() -> None:
    table = one(asked_once())
    as_segment = one()
    as_segment.members = table.journeys[["row", "campaign", "requested_ms", "seq"]].astype(
        table.members.dtype
    )
    assert size(table) <= size(as_segment) + 1


def test_an_open_journey_takes_a_few_bytes_more() -> None:
    closed = size(one(asked_once()))
    assert size(one(waiting(NOW_MS + 3 * DAY_MS, NOW_MS + 3 * DAY_MS))) <= closed + 3
    assert size(one(waiting(NOW_MS + 3 * DAY_MS, NOW_MS + 14 * DAY_MS))) <= closed + 4
    quiet_ms = NOW_MS + 3 * DAY_MS + 5_000_000
    assert size(one(waiting(NOW_MS + 3 * DAY_MS, quiet_ms))) <= closed + 6


def test_a_contact_that_is_a_request_takes_hardly_more_than_its_channel() -> None:
    contact = np.array([(0, 1, NOW_MS)], CONTACT_DTYPE)
    assert size(one(asked_once(), contact)) <= size(one(asked_once())) + 2
    later = np.array([(0, 1, NOW_MS - 7_000_000 * day) for day in range(10)][::-1], CONTACT_DTYPE)
    assert size(one(contacts=later)) <= size(one()) + 10 * 4


def test_a_time_zone_takes_32_bits_and_other_words_what_they_took() -> None:
    zone = np.array([(0, 4, 0, 2**32 - 1, NOW_MS, 7)], WORD_DTYPE)
    suppressed = np.array([(0, 3, 0, 1, NOW_MS, 7)], WORD_DTYPE)
    assert unpack(["c"], pack(one(words=zone))).words.tolist() == zone.tolist()
    assert size(one(words=zone)) - size(one(words=suppressed)) in (3, 4)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("step", NO_STEP - 1),
        ("step", 2**40),
        ("asked", -1),
        ("requests", -1),
        ("requests", 2**40),
        ("arm", -1),
    ],
)
def test_a_journey_that_cannot_be_is_refused(field: str, value: int) -> None:
    journeys = waiting(NOW_MS, NOW_MS)
    journeys[field] = value
    with pytest.raises(StreamprocError, match="'c' cannot be read"):
        unpack(["c"], pack(one(journeys)))


def test_a_contact_on_no_channel_is_refused() -> None:
    for channel in range(len(CONSENT_CHANNELS), 8):
        with pytest.raises(StreamprocError, match="'c' cannot be read"):
            unpack(["c"], pack(one(contacts=np.array([(0, channel, NOW_MS)], CONTACT_DTYPE))))


@given(st.lists(JOURNEYS, max_size=3), st.lists(CONTACTS, max_size=9), st.data())
def test_a_damaged_journey_is_refused_or_could_be_one(
    journeys: list[tuple[int, ...]], contacts: list[tuple[int, ...]], data: st.DataObject
) -> None:
    blob = bytearray(pack(one(np.array(journeys, JOURNEY_DTYPE), np.array(contacts, CONTACT_DTYPE)))[0])
    for place in data.draw(st.lists(st.integers(1, len(blob) - 1), min_size=1, max_size=4)):
        blob[place] = data.draw(st.integers(0, 255))
    try:
        table = unpack(["c"], [bytes(blob)])
    except StreamprocError:
        return
    assert np.array([table.journeys[name] >= 0 for name in ("asked", "requests", "arm")]).all()
    assert (table.journeys["step"] >= NO_STEP).all()
    assert (table.contacts["channel"] < len(CONSENT_CHANNELS)).all()
