"""Messages to a customer, as far as the state knows them."""

from typing import Any

from streamproc.api.messages import describe_contacts, describe_reactions, describe_time_zone
from streamproc.contracts.instants import to_iso
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.contracts.time_zones import zone_codes
from streamproc.rules.campaign import ContactPolicy
from streamproc.windows.panes import DAY_MS
from tests.unit.api.customers import START_MS, customer, tally

OUTCOME: dict[str, Any] = {"counted": False, "activity": False}


def iso(days: float) -> str:
    return to_iso(START_MS + int(days * DAY_MS))


def answered(channel: str, **own: Any) -> dict[str, Any]:
    return {**OUTCOME, "answered": CONSENT_CHANNELS.index(channel), **own}


def test_reactions_are_told_by_channel() -> None:
    """Of e-mails and pushes what happened; of others, that something did."""
    table = customer(
        [
            (0, {**OUTCOME, "tally": tally("emails")}),
            (1, {**OUTCOME, "tally": tally("emails")}),
            (1.5, answered("email", tally=tally("email_opens"))),
            (2, answered("push", tally=tally("push_taps"))),
            (3, answered("sms")),
        ],
        4,
    ).table
    assert describe_reactions(table) == {
        "email": {"delivered_at": iso(1), "opened_at": iso(1.5)},
        "push": {"opened_at": iso(2)},
        "sms": {"reacted_at": iso(3)},
    }
    assert describe_reactions(customer([(0, {})], 1).table) == {}


def test_contacts_are_the_messages_that_caps_count() -> None:
    of_another = {**OUTCOME, "contact": CONSENT_CHANNELS.index("sms")}
    assert describe_contacts(customer([(0, {}), (1, of_another)], 2).table) == [
        {"at": iso(1), "channel": "sms"}
    ]


def test_the_time_zone_is_the_customers_else_that_of_the_rules() -> None:
    policy = ContactPolicy(time_zone="Europe/Berlin")
    zoned = {**OUTCOME, "time_zone": zone_codes()["Asia/Tokyo"]}
    assert describe_time_zone(customer([(0, zoned)], 1).table, policy) == {"name": "Asia/Tokyo", "told": True}
    assert describe_time_zone(customer([(0, {})], 1).table, policy) == {
        "name": "Europe/Berlin",
        "told": False,
    }
