"""What the reference accepts as an event, and for what reason it refuses the rest."""

import pytest

from tests.reference.compose import call, encode, iso
from tests.reference.event import Event, Invalid, read_event, read_timestamp
from tests.reference.malformed import REASONS, malformed
from tests.reference.properties import (
    answer,
    category,
    check_properties,
    page_shown,
    price_micros,
    product_shown,
    ticket_id,
)
from tests.reference.rules import read_rules
from tests.unit.reference.life import NOON, WALL, M, rules

RULES = read_rules(
    "events:\n  Paid: {order: true, value: price}\n  Watched: {duration: seconds}\n  Packed: {cart: add}\n"
    "  Complained: {ticket: open}\n  Asked: {survey: true}\n" + rules()
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
    """Money and currency in orders, money only in the shop's currency and the first given; quantity and price
    in carts.
    """
    odd = {"revenue": "19.90", "total": [], "currency": 978, "quantity": "many", "price": "x", "seconds": -1}
    odd |= {"survey": "nps", "score": "9", "ticket_id": "", "product_id": [], "category": 7}
    check_properties(named("Product Viewed", **odd), RULES)
    check_properties(named("Order Completed", revenue="19.90", currency="EUR", quantity=0), RULES)
    check_properties(named("Order Completed", revenue=None, total=1, value="x"), RULES)
    check_properties(named("Product Added", **{**odd, "quantity": 2.0, "price": 1_000_000}), RULES)
    uses = (("Paid", "price"), ("Watched", "seconds"), ("Packed", "quantity"), ("Packed", "price"))
    for event, name in (*uses, ("Complained", "ticket_id")):
        with pytest.raises(Invalid):
            check_properties(named(event, **{name: odd[name]}), RULES)
    with pytest.raises(Invalid, match="wrong_type"):
        check_properties(named("Asked", **odd), RULES)


def test_a_price_in_another_currency_is_checked_and_not_taken() -> None:
    """null is the same as no currency; what is no text is another one."""
    prices = [
        price_micros(named("Product Added", price=2.5, **currency), "USD")
        for currency in ({}, {"currency": None}, {"currency": "USD"}, {"currency": "EUR"}, {"currency": 978})
    ]
    assert prices == [2_500_000, 2_500_000, 2_500_000, 0, 0]
    with pytest.raises(Invalid, match="out_of_range"):
        check_properties(named("Product Added", price=-1, currency="EUR"), RULES)


@pytest.mark.parametrize(
    ("survey", "score", "read"),
    [
        ("nps", 0, ("nps", 0)),
        ("NPS", 10, ("nps", 10)),
        ("nps", 11, "out_of_range"),
        ("nps", -1, "out_of_range"),
        ("Csat", 1, ("csat", 1)),
        ("csat", 0, "out_of_range"),
        ("csat", 6, "out_of_range"),
        ("ces", 7, ("ces", 7)),
        ("ces", 8, "out_of_range"),
        ("ces", 5.0, "wrong_type"),
        ("ces", True, "wrong_type"),
        ("ces", "5", "wrong_type"),
        ("ces", None, "missing_field"),
        ("mood", "fine", None),
        (" nps", "fine", None),
        (["nps"], "fine", None),
        (None, "fine", None),
    ],
)
def test_answers(survey: object, score: object, read: object) -> None:
    """Of three surveys the score must be right; answers to others say nothing."""
    event = named("Survey Question Answered", survey=survey, score=score)
    if isinstance(read, str):
        with pytest.raises(Invalid, match=read):
            answer(event)
    else:
        assert answer(event) == read


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("t-1", "t-1"),
        (" ", " "),
        ("t" * 200, "t" * 200),
        (0, "0"),
        (-17, "-17"),
        (10**30, "1" + 30 * "0"),
        (None, ""),
    ],
)
def test_ticket_ids(given: object, read: str) -> None:
    """An integer is its decimal text; without an id all are one ticket."""
    assert ticket_id(named("Ticket Opened", ticket_id=given)) == read


@pytest.mark.parametrize(
    ("properties", "shown"),
    [
        ({"product_id": "a", "sku": "b"}, "a"),
        ({"product_id": "", "sku": "b"}, "b"),
        ({"product_id": 0, "sku": "b"}, "0"),
        ({"product_id": True, "sku": 7}, "7"),
        ({"product_id": 7.0, "sku": None}, None),
        ({"product_id": ["a"]}, None),
        ({}, None),
    ],
)
def test_products_shown(properties: dict[str, object], shown: str | None) -> None:
    """The first that is a string and not empty, or an integer."""
    assert product_shown(named("Product Viewed", **properties)) == shown


def test_pages_shown() -> None:
    """The name, else the path, else the URL: the first that is a string and not empty."""
    given = [
        ("Home", "/a", "u"),
        ("", "/a", "u"),
        (5, "", "u"),
        (None, 5, "u"),
        (None, None, ""),
        (None, 5, 6),
    ]
    shown = []
    for name, path, url in given:
        properties = {"path": path, "url": url}
        event = read_event(encode(call("screen", "a", NOON, "m", name=name, properties=properties)), WALL)
        shown.append(page_shown(event))
    assert shown == ["Home", "/a", "u", "u", None, None]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("shoes", "shoes"),
        ("  shoes and more ", "shoes and more"),
        ("x" * 25, "x" * 24),
        ("x" * 23 + "é", "x" * 23),
        ("x" * 22 + "é", "x" * 22 + "é"),
        ("x" * 23 + " y", "x" * 23),
        (" " + "x" * 25, "x" * 24),
        ("🎁" * 7, "🎁" * 6),
        ("   ", ""),
        (7, ""),
        (None, ""),
    ],
)
def test_categories_are_cut(given: object, read: str) -> None:
    """To 24 bytes of whole characters, without spaces around them, before and after the cut."""
    assert category(named("Product Viewed", category=given)) == read


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
