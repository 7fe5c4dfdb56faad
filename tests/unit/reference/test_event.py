"""What the reference accepts as an event, and for what reason it refuses the rest."""

import pytest

from tests.reference.compose import call, encode, iso
from tests.reference.event import Event, Invalid, read_event, read_timestamp
from tests.reference.malformed import REASONS, malformed
from tests.reference.properties import check_properties
from tests.reference.rules import read_rules
from tests.unit.reference.life import NOON, WALL, M, rules

RULES = read_rules(
    "events:\n  Paid: {order: true, value: price}\n  Watched: {duration: seconds}\n  Packed: {cart: add}\n"
    + rules()
)
VALID = call("track", "ann", NOON, "m", event="Product Viewed", properties={"quantity": 1})


@pytest.mark.parametrize("kind", REASONS)
def test_each_kind_of_malformed_record_fails_for_its_reason(kind: str) -> None:
    """One thing is wrong with each."""
    with pytest.raises(Invalid) as refused:
        check_properties(read_event(malformed(kind, VALID), WALL), RULES)
    assert refused.value.args == (REASONS[kind],)


def named(event: str, **properties: object) -> Event:
    return read_event(encode({**VALID, "event": event, "properties": properties}), WALL)


def test_properties_are_checked_where_they_are_used() -> None:
    """Money and currency in orders, money only in the shop's currency and the first given; quantity in
    carts.
    """
    odd = {"revenue": "19.90", "total": [], "currency": 978, "quantity": "many", "price": "x", "seconds": -1}
    check_properties(named("Product Viewed", **odd), RULES)
    check_properties(named("Order Completed", revenue="19.90", currency="EUR", quantity=0), RULES)
    check_properties(named("Order Completed", revenue=None, total=1, value="x"), RULES)
    check_properties(named("Product Added", **{**odd, "quantity": 2.0}), RULES)
    for event, name in (("Paid", "price"), ("Watched", "seconds"), ("Packed", "quantity")):
        with pytest.raises(Invalid):
            check_properties(named(event, **{name: odd[name]}), RULES)


def test_a_valid_event_is_read() -> None:
    """Unknown fields, null and unread types of unread fields do not matter."""
    event = read_event(encode({**VALID, "context": None, "sentAt": None, "foo": [1], "traits": {}}), WALL)
    assert (event.customer, event.message_id, event.ts_ms) == ("ann", "m", NOON)
    assert (event.type, event.name, event.properties) == ("track", "Product Viewed", {"quantity": 1})


def test_a_customer_without_user_id_is_anonymous() -> None:
    """`null` counts as absent."""
    body = {**call("page", "anon:x", NOON, "m"), "userId": None}
    assert read_event(encode(body), WALL).customer == "anon:x"


def test_five_minutes_ahead_of_the_wall_clock_is_accepted() -> None:
    """One millisecond more is not."""
    assert read_event(encode({**VALID, "timestamp": iso(WALL + 5 * M)}), WALL).ts_ms == WALL + 5 * M
    with pytest.raises(Invalid, match="timestamp_in_future"):
        read_event(encode({**VALID, "timestamp": iso(WALL + 5 * M + 1)}), WALL)


def test_only_identify_gives_consent_and_only_for_known_channels() -> None:
    """Traits of a page call say nothing."""
    traits = {"consent": {"email": True, "push": None, "fax": True}}
    assert read_event(encode(call("identify", "a", NOON, "m", traits=traits)), WALL).consent == {
        "email": True
    }
    assert read_event(encode(call("page", "a", NOON, "m", traits=traits)), WALL).consent == {}


@pytest.mark.parametrize(
    ("written", "at_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T02:00:00.5+02:00", 500),
        ("1969-12-31T19:00:00.001-05:00", 1),
        ("1970-01-01T05:30:00.9999+05:30", 999),
        ("1970-01-01T00:00:00.0019999Z", 2),
        ("1970-01-01T00:00:00.00199949Z", 1),
        ("1970-01-01T00:00:00.99999950Z", 1000),
        ("2026-03-02T12:00:00.000Z", NOON),
        ("2026-03-02T12:00:00.000-00:00", NOON),
    ],
)
def test_times_are_rounded_to_microseconds_and_cut_to_milliseconds(written: str, at_ms: int) -> None:
    """Any offset, any number of digits."""
    assert read_timestamp(written) == at_ms


def test_composed_times_are_read_back() -> None:
    """Whatever the offset they are written with."""
    for offset_minutes in (0, 120, -330, 845, -720):
        assert read_timestamp(iso(NOON + 123, offset_minutes)) == NOON + 123
