"""Rows that are begun in one pass, and copies of them, are what a slow and plain reading gives."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.contracts.columns import EVENT_DTYPE, EventRows
from streamproc.contracts.events import Event, Properties
from streamproc.contracts.hashes import as_category
from streamproc.contracts.instants import to_epoch_ms
from streamproc.contracts.rows import Begun, begin, is_whole, pick, pick_rows
from tests.unit.contracts.events import MEANINGS, Record

_TABLE = MEANINGS.table
_UTC_OR_NOT = st.just(UTC) | st.builds(
    lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-23 * 60, 23 * 60)
)


def begun(events: list[Event], **other: Any) -> Begun:
    """As of web events of topic 1, or of what `other` says."""
    given: dict[str, Any] = {
        "records": [Record(100 + place, b"") for place in range(len(events))],
        "origins": [0] * len(events),
        "codes": _TABLE.codes,
        "plain": _TABLE.plain,
        "looks": _TABLE.looks,
        **other,
    }
    return begin(events, topic=1, reserved="anon:", **given)


def rows_of(found: Begun) -> EventRows:
    return np.frombuffer(found.rows, EVENT_DTYPE)


def page(instant: datetime = datetime(2026, 1, 1, tzinfo=UTC), **fields: Any) -> Event:
    return Event(type="page", message_id="m", timestamp=instant, **fields)


@given(st.lists(st.datetimes(timezones=_UTC_OR_NOT), max_size=5))
def test_instants_are_told_in_milliseconds(instants: list[datetime]) -> None:
    """Of every year, before 1970 too, and whatever the offset."""
    expected = to_epoch_ms(instants)
    found = begun([page(instant) for instant in instants])
    assert rows_of(found)["ts_ms"].tolist() == expected
    assert found.latest_ms == max((ms % 2**64 for ms in expected), default=0)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \0"), max_size=30)))
def test_categories_are_cut_and_trimmed(texts: list[str]) -> None:
    """As `as_category` says."""
    found = begun([page(properties=Properties(category=text)) for text in texts])
    assert rows_of(found)["category"].tolist() == [as_category(text) for text in texts]


def test_who_needs_another_look_is_told() -> None:
    """Customers without a usable id, and instants of sending."""
    instant = datetime(2026, 1, 1, tzinfo=UTC)
    found = begun(
        [page(user_id="u"), page(), page(user_id="anon:x", sent_at=instant), page(user_id="anonymous")]
    )
    assert found.customers == ["u", None, "anon:x", "anonymous"]
    assert found.odd_customers == [1, 2]
    assert found.sent == [2]


@pytest.mark.parametrize(
    "other",
    [
        {"records": []},
        {"origins": []},
        {"origins": [4]},
        {"origins": [-1]},
        {"plain": _TABLE.plain[:-1]},
        {"looks": _TABLE.looks[:-1]},
        {"codes": {"x": len(_TABLE.looks)}},
    ],
)
def test_what_does_not_fit_is_refused(other: dict[str, Any]) -> None:
    """Compiled code would read beyond its end."""
    event = Event(type="track", message_id="m", timestamp=datetime(2026, 1, 1, tzinfo=UTC), event="x")
    with pytest.raises(ValueError, match=r"rows|origin"):
        begun([event], **other)


@pytest.mark.parametrize("field", ["message_id", "timestamp", "user_id"])
def test_a_field_of_another_type_is_refused(field: str) -> None:
    """The decoder lets none through; compiled code does not rely on it."""
    event = page()
    setattr(event, field, b"x")
    with pytest.raises(TypeError):
        begun([event])


@given(st.integers(0, 6), st.data())
def test_picking(size: int, data: st.DataObject) -> None:
    """Any rows, in any order, some more than once."""
    rows = np.zeros(size, EVENT_DTYPE)
    rows["offset"] = np.arange(size)
    items = [str(place) for place in range(size)]
    places = data.draw(st.lists(st.integers(0, size - 1), max_size=8)) if size else []
    index = np.array(places, np.intp)
    assert pick(items, index) == [items[place] for place in places]
    picked = np.frombuffer(pick_rows(rows, EVENT_DTYPE.itemsize, index), EVENT_DTYPE)
    assert picked["offset"].tolist() == places
    assert is_whole(index, size) == (places == list(range(size)))
    assert is_whole(np.arange(size), size)


@pytest.mark.parametrize("place", [-1, 2])
def test_picking_beyond_the_end(place: int) -> None:
    """Is refused, or memory of others would be read."""
    index = np.array([0, place])
    with pytest.raises(IndexError):
        pick(["a", "b"], index)
    with pytest.raises(IndexError):
        pick_rows(np.zeros(2, EVENT_DTYPE), EVENT_DTYPE.itemsize, index)
