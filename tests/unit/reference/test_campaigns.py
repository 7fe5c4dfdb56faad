"""Journeys worked out by hand."""

from typing import Any

import pytest

from tests.reference.campaigns_outcomes import DELIVERED, OPENED, UNSUBSCRIBED
from tests.reference.compose import call
from tests.reference.record import OUTCOMES_TOPIC
from tests.unit.reference.life import (
    NOON,
    WEB,
    D,
    H,
    M,
    S,
    Sent,
    identify,
    live,
    page,
    rules,
    track,
)

SHOPPING = "{key: shopping, enter: cart_items > 0}"
#: When "Product Added" at noon is evaluated.
AT = NOON + S


def campaign(text: str, key: str = "ask") -> str:
    """A line of the campaigns, with what each of them needs."""
    return f"  - {{key: {key}, version: 3, expires_after: 1d, reason: r, {text}}}"


def actions(lines: list[str], sent: list[Sent], until_ms: int, contact: str = "") -> list[tuple[Any, ...]]:
    """(ms since the first evaluation, kind, what, entry, step, closes) of every action."""
    text = rules(SHOPPING, *([contact] if contact else []), "campaigns:\n" + "\n".join(lines))
    result = live(text, sent, until_ms)
    found = [one for one in result.signals[0] if one["topic"] == "actions.reactivation"]
    return [
        (
            one["at_ms"] - AT,
            one["key"],
            one["kind"],
            one["abort_type"] or one["action"].get("outcome") or one["action"]["channel"],
            *(one["action"][name] for name in ("entry", "step", "closes")),
        )
        for one in found
    ]


def outcome(event: str, customer: str, at_ms: int, channel: str, **properties: str) -> Sent:
    said = {"channel": channel, **properties}
    return OUTCOMES_TOPIC, call("track", customer, at_ms, f"{event}-{at_ms}", event=event, properties=said)


def told(customer: str, at_ms: int, **traits: Any) -> Sent:
    return WEB, call("identify", customer, at_ms, f"told-{at_ms}", traits=traits)


CONSENT = identify("ann", NOON - H, email=True, push=True)
ADDED = track("Product Added", "ann", NOON)
SINGLE = campaign("on: enter shopping, channel: email, reentry: never")
LADDER = """on: enter shopping, reentry: each time, steps: [
    {channel: email, reason: one}, {wait: 2d, channel: push, reason: two}, {wait: 1d, channel: sms, reason: three}]"""


def test_a_request_and_what_it_says() -> None:
    text = rules(SHOPPING, "campaigns:\n" + SINGLE)
    signal = live(text, [CONSENT, ADDED], NOON + H).signals[0][-1]
    assert (signal["kind"], signal["rule_version"], signal["cause"], signal["at_ms"]) == (
        "requested",
        3,
        "event",
        AT,
    )
    assert signal["action"] == {
        **{
            "action_id": "ann/ask/1/1",
            "entry": 1,
            "step": 1,
            "steps": 1,
            "channel": "email",
            "variant": None,
        },
        **{"holdout": False, "reason": "r", "offer": None, "expires_ms": AT + D, "waited_for": None},
        **{"outranked_by": None, "closes": False},
    }


def test_a_return_within_the_window_converts_and_silence_does_not() -> None:
    """The window is 7 d from the request: an activity at its very end still counts, none ends it."""
    back = [CONSENT, ADDED, page("ann", AT + 7 * D - 1)]
    asked = (0, "ask", "requested", "email", 1, 1, False)
    assert actions([SINGLE], back, AT + 9 * D) == [asked, (7 * D, "ask", "ended", "converted", 1, 1, True)]
    assert actions([SINGLE], back[:2], AT + 9 * D) == [
        asked,
        (7 * D, "ask", "ended", "not_converted", 1, 1, True),
    ]
    late = [*back[:2], page("ann", AT + 7 * D + 1)]
    assert actions([SINGLE], late, AT + 9 * D)[1:] == [(7 * D, "ask", "ended", "not_converted", 1, 1, True)]


def test_a_ladder_goes_on_after_a_refusal_and_waits_for_its_end() -> None:
    """No consent for sms: the third step is refused; the journey stays open until 10 d (waits + 7 d) are over."""
    assert actions([campaign(LADDER)], [CONSENT, ADDED], AT + 20 * D) == [
        (0, "ask", "requested", "email", 1, 1, False),
        (2 * D, "ask", "requested", "push", 1, 2, False),
        (3 * D, "ask", "suppressed", "no_consent", 1, 3, False),
        (10 * D, "ask", "ended", "not_converted", 1, 2, True),
    ]


def test_entries_while_a_ladder_is_open_are_refused_and_later_ones_supersede() -> None:
    """The cart is emptied and filled again after 1 d, and after 4 d; the goal is an order."""
    lines = [campaign(LADDER + ", goal: order")]
    sent = [CONSENT, ADDED]
    for after in (D, 4 * D):
        sent += [
            track("Product Removed", "ann", NOON + after - S),
            track("Product Added", "ann", NOON + after),
        ]
    assert actions(lines, sent, AT + 5 * D) == [
        (0, "ask", "requested", "email", 1, 1, False),
        (D, "ask", "suppressed", "in_journey", 1, 2, False),
        (2 * D, "ask", "requested", "push", 1, 2, False),
        (3 * D, "ask", "suppressed", "no_consent", 1, 3, False),
        (4 * D, "ask", "ended", "superseded", 1, 2, True),
        (4 * D, "ask", "requested", "email", 2, 1, False),
    ]


@pytest.mark.parametrize(
    ("reentry", "said"),
    [
        ("never", [("suppressed", "never_again")]),
        ("after 1d1s", [("suppressed", "cooldown")]),
        ("after 1d", [("ended", "superseded"), ("requested", "email")]),
        ("each time", [("ended", "superseded"), ("requested", "email")]),
    ],
)
def test_reentry(reentry: str, said: list[tuple[str, str]]) -> None:
    line = campaign(f"on: enter shopping, channel: email, goal: order, reentry: {reentry}")
    again = [track("Product Removed", "ann", NOON + H), track("Product Added", "ann", NOON + D)]
    found = actions([line], [CONSENT, ADDED, *again], AT + D)
    assert [one[2:4] for one in found[1:]] == said


def test_what_led_in_must_hold_at_each_step_and_the_goal_be_open() -> None:
    """At 2 d the cart is empty; whoever was active while the first step waited is not asked at all."""
    removed = track("Product Removed", "ann", NOON + D)
    order = campaign(LADDER + ", goal: order")
    assert actions([order], [CONSENT, ADDED, removed], AT + 3 * D)[1:] == [
        (2 * D, "ask", "suppressed", "no_longer", 1, 2, False)
    ]
    first = "steps: [{wait: 2d, channel: email, reason: r}]"
    waiting = campaign(f"on: enter shopping, reentry: never, {first}")
    assert actions([waiting], [CONSENT, ADDED, page("ann", NOON + D)], AT + 3 * D) == [
        (2 * D, "ask", "suppressed", "goal_reached", 1, 1, True)
    ]


def test_quiet_hours_are_waited_for_in_the_zone_that_was_told() -> None:
    """Noon in UTC is 22:30 or 23:00 on Lord Howe: the request comes at 08:00 there, 21:00 or 21:30 UTC."""
    contact = 'contact: {time_zone: Europe/Berlin, quiet_hours: "21:00-08:00"}'
    zone = told("ann", NOON - M, timezone="Australia/Lord_Howe")
    unknown = told("ann", NOON - S, timezone="Mars/Olympus")
    sent = [CONSENT, zone, unknown, ADDED]
    assert actions([SINGLE], sent, AT + D, contact) == [(9 * H - S, "ask", "requested", "email", 1, 1, False)]
    soon = SINGLE.replace("1d", "9h")
    assert actions([soon], sent, AT + D, contact) == [(9 * H - S, "ask", "requested", "email", 1, 1, False)]
    sooner = SINGLE.replace("1d", "8h59m58s")
    assert actions([sooner], sent, AT + D, contact) == [
        (9 * H - 2 * S, "ask", "suppressed", "expired", 1, 1, True)
    ]


def test_a_best_hour_in_quiet_hours_is_none() -> None:
    """Active at 12:30 only, silent at 13:30: asked at noon of the next day, or at once if noon is quiet."""
    line = campaign("on: inactive 1h, at: best_hour, channel: email, reentry: never, goal: order")
    sent = [identify("ann", NOON + 29 * M, email=True), page("ann", NOON + 30 * M)]
    assert [one[0] for one in actions([line], sent, AT + D)] == [D - S]
    quiet = 'contact: {quiet_hours: "12:00-13:00"}'
    assert [one[0] for one in actions([line], sent, AT + D, quiet)] == [90 * M]


def test_ghosts_are_told_of_once_and_live_on() -> None:
    """Everybody is in the control group: one signal for the first request, and the end of the journey."""
    assert actions([campaign(LADDER + ", holdout: 100%")], [CONSENT, ADDED], AT + 20 * D) == [
        (0, "ask", "suppressed", "holdout", 1, 1, False),
        (3 * D, "ask", "suppressed", "no_consent", 1, 3, False),
        (10 * D, "ask", "ended", "not_converted", 1, 2, True),
    ]


def test_the_greater_priority_goes_first_and_keeps_the_others_waiting_for_its_steps() -> None:
    """At one instant, the first of equal ones; later, one that has steps to come and counts more."""
    other = campaign("on: enter shopping, channel: push, reentry: never", "other")
    both = [SINGLE, other]
    assert [one[1:4] for one in actions(both, [CONSENT, ADDED], AT + H)] == [
        ("ask", "requested", "email"),
        ("other", "suppressed", "outranked"),
    ]
    both[1] = other.replace("version", "priority: 1, version")
    assert [one[2:4] for one in actions(both, [CONSENT, ADDED], AT + H)] == [
        ("suppressed", "outranked"),
        ("requested", "push"),
    ]
    ladder = campaign(LADDER + ", priority: 2")
    later = campaign("on: cart abandoned 1h, channel: push, reentry: never, goal: order", "later")
    assert actions([ladder, later], [CONSENT, ADDED], AT + H)[1] == (
        *(H, "later", "suppressed", "outranked", 1, 1, True),
    )
    paused = ladder.replace("version", "mode: paused, version")
    assert [one[1:4] for one in actions([paused, later], [CONSENT, ADDED], AT + H)] == [
        ("later", "requested", "push")
    ]
    dry = ladder.replace("version", "mode: dry, version")
    assert [one[1:4] for one in actions([dry, later], [CONSENT, ADDED], AT + H)] == [
        ("later", "requested", "push")
    ]


def test_a_budget_goes_to_the_first_of_an_instant_by_their_ids() -> None:
    names = ("cleo", "ann", "bob")
    sent = [identify(name, NOON - H, email=True) for name in names]
    sent += [track("Product Added", name, NOON) for name in names]
    text = rules(SHOPPING, "campaigns:\n" + SINGLE.replace("version", "budget: 2, version"))
    found = live(text, sent, AT).signals[0]
    said = [(one["customer"], one["abort_type"]) for one in found if one["key"] == "ask"]
    assert said == [("ann", None), ("bob", None), ("cleo", "budget")]


def test_outcomes_take_consent_count_for_caps_and_prefer_channels() -> None:
    ladder = campaign(LADDER)
    gone = outcome(UNSUBSCRIBED, "ann", NOON + D, "push", action_id="x")
    assert actions([ladder], [CONSENT, ADDED, gone], AT + 2 * D)[1][3] == "no_consent"
    capped = "contact: {caps: [{most: 2, per: 7d}]}"
    for known, said in (({}, "frequency_cap"), ({"action_id": "x"}, "push")):
        delivered = outcome(DELIVERED, "ann", NOON + D, "sms", **known)
        assert actions([ladder], [CONSENT, ADDED, delivered], AT + 2 * D, capped)[1][3] == said
    opened = outcome(OPENED, "ann", NOON - M, "push")
    preferred = campaign("on: enter shopping, channel: preferred, reentry: never")
    assert actions([preferred], [CONSENT, opened, ADDED], AT)[0][3] == "push"
    assert actions([preferred], [CONSENT, ADDED], AT)[0][3] == "email"


def test_outcomes_are_neither_counted_nor_activity() -> None:
    sent = [outcome(name, "ann", NOON + n, "email") for n, name in enumerate((DELIVERED, OPENED, OPENED))]
    result = live(
        rules(), [*sent, outcome(DELIVERED, "ann", NOON, "fax"), outcome("Bought", "ann", NOON, "email")], AT
    )
    features = result.features["ann"]
    assert [features[name][0] for name in ("events_total", "emails_7d", "email_opens_total")] == [0, 1, 2]
    assert features["recency"] == (S, False)
    assert len(result.failed) == 2


def test_the_suppression_list_and_complaints() -> None:
    """The list closes the ladder; a complaint only holds offers back."""
    assert actions([campaign(LADDER)], [CONSENT, told("ann", NOON - M, suppressed=True), ADDED], AT) == [
        (0, "ask", "suppressed", "suppressed", 1, 1, True)
    ]
    offer = LADDER.replace("reason: one", "reason: one, offer: ten")
    assert actions(
        [campaign(offer)], [CONSENT, track("Ticket Opened", "ann", NOON - M), ADDED], AT + 3 * D
    ) == [
        (0, "ask", "suppressed", "open_complaint", 1, 1, False),
        (2 * D, "ask", "requested", "push", 1, 2, False),
        (3 * D, "ask", "suppressed", "no_consent", 1, 3, False),
    ]


def test_without_a_goal_a_journey_is_done_with_its_ladder() -> None:
    assert actions([campaign(LADDER + ", goal: none")], [CONSENT, ADDED, page("ann", NOON + D)], AT + 20 * D)[
        2:
    ] == [
        (3 * D, "ask", "suppressed", "no_consent", 1, 3, False),
        (3 * D, "ask", "ended", "done", 1, 2, True),
    ]


@pytest.mark.parametrize(
    ("trigger", "sent", "after"),
    [
        ("inactive 2d", [page("ann", NOON)], 2 * D),
        ("cart abandoned 4h", [ADDED], 4 * H),
        ("ticket open", [track("Ticket Opened", "ann", NOON)], 0),
        ("ticket overdue 2d", [track("Ticket Opened", "ann", NOON)], 2 * D),
        ("answer nps", [track("Survey Question Answered", "ann", NOON, survey="nps", score=3)], 0),
        ("becomes cart_items >= 1 and cart_idle >= 1h", [ADDED], H - S),
        ("exit shopping", [ADDED, track("Order Completed", "ann", NOON + H)], H),
    ],
)
def test_triggers(trigger: str, sent: list[Sent], after: int) -> None:
    line = campaign(f'on: "{trigger}", channel: email, reentry: never')
    assert actions([line], [CONSENT, *sent], AT + 3 * D)[0] == (
        after,
        "ask",
        "requested",
        "email",
        1,
        1,
        False,
    )


def test_an_answer_told_late_asks_for_no_reaction() -> None:
    answer = track("Survey Question Answered", "ann", NOON - H, survey="nps", score=3)
    line = campaign("on: answer nps, channel: email, reentry: never")
    assert actions([line], [CONSENT, page("ann", NOON), answer], AT + D) == []


def test_a_funnel_left_alone() -> None:
    text = rules(
        SHOPPING,
        "funnels:\n  - {key: way, version: 1, steps: [Signed Up, Paid], within: 7d}",
        "campaigns:\n"
        + campaign("on: funnel way abandoned 2h, channel: email, reentry: never, when: orders_total == 0"),
    )
    found = live(text, [CONSENT, track("Signed Up", "ann", NOON)], NOON + D).signals[0]
    assert [(one["at_ms"], one["kind"]) for one in found] == [(NOON + 2 * H + S, "requested")]
