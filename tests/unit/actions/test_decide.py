"""One customer's campaigns: who enters, what is asked when, what stops it, and how an entry ends."""

from dataclasses import replace
from typing import Any, Final, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.actions.arms import is_held_out
from streamproc.actions.caps import Contact
from streamproc.actions.rulings import Day, Rulings, Spend
from streamproc.actions.said import Said
from streamproc.actions.zones import zone
from streamproc.contracts.signal_types import AbortType, JourneyOutcome
from streamproc.rules.campaign import BEST_HOUR, Campaign, Cap, ContactPolicy, QuietHours
from streamproc.windows.panes import INF, NEVER
from tests.unit.actions.desk import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    NOON_MS,
    Customer,
    campaign,
    step,
    verdicts,
)

NIGHT: Final = QuietHours(21 * 60, 8 * 60)
EMAIL, PUSH = 0, 1
ALL_HELD_OUT: Final = ContactPolicy(holdout=1.0)


def entered(*campaigns: Campaign, at_ms: int = NOON_MS, **own: Any) -> Customer:
    """Somebody whom something led into the first of these an hour before, which waits for an hour."""
    customer = Customer(campaigns, **own)
    customer.at(at_ms - HOUR_MS, 0)
    return customer


def waiting(key: str = "winback", **own: Any) -> Campaign:
    return campaign(key, step(wait_ms=HOUR_MS), **own)


def test_a_request() -> None:
    """On the first channel, with the entry's number; it is a contact, and looked at again when its time is over."""
    customer = Customer([campaign("winback", step("push", "email"))])
    assert customer.at(NOON_MS, 0) == [
        Said(0, "requested", entry=1, entered_ms=NOON_MS, step=1, channel="push")
    ]
    assert customer.contacts == [Contact(PUSH, NOON_MS)]
    assert customer.look_ms == NOON_MS + 7 * DAY_MS


def test_nobody_who_was_not_led_in_is_asked() -> None:
    customer = Customer([campaign()])
    assert customer.at(NOON_MS) == []
    assert customer.journeys == {}


def refusal_definition() -> list[Said]:
    return Customer([campaign()], facts={"redefined": True}).at(NOON_MS, 0)


def refusal_in_journey() -> list[Said]:
    return entered(waiting()).at(NOON_MS - 1, 0)


def refusal_never_again() -> list[Said]:
    customer = Customer([campaign(again_ms=None, goal="none")])
    customer.at(NOON_MS - 999 * DAY_MS, 0)
    return customer.at(NOON_MS, 0)


def refusal_cooldown() -> list[Said]:
    customer = Customer([campaign(goal="none")])
    customer.at(NOON_MS - DAY_MS + 1, 0)
    return customer.at(NOON_MS, 0)


def refusal_goal_reached() -> list[Said]:
    customer = entered(waiting())
    customer.facts["last_activity_ms"] = NOON_MS - 1
    return customer.at(NOON_MS)


def refusal_no_longer() -> list[Said]:
    customer = entered(waiting())
    customer.lapsed = [0]
    return customer.at(NOON_MS)


def refusal_expired() -> list[Said]:
    customer = Customer([campaign(mode="paused")])
    assert customer.at(NOON_MS, 0) == []
    return customer.at(NOON_MS + 2 * HOUR_MS)


def refusal_suppressed() -> list[Said]:
    return Customer([campaign()], facts={"is_suppressed": True}).at(NOON_MS, 0)


def refusal_open_complaint() -> list[Said]:
    return Customer([campaign("x", step(offer="10 %"))], facts={"complains": True}).at(NOON_MS, 0)


def refusal_no_consent() -> list[Said]:
    return Customer([campaign("x", step("email", "sms"))], consents=["push"]).at(NOON_MS, 0)


def refusal_frequency_cap() -> list[Said]:
    policy = ContactPolicy(caps=(Cap(1, DAY_MS),))
    return Customer([campaign()], policy, contacts=[Contact(PUSH, NOON_MS - 1)]).at(NOON_MS, 0)


def refusal_outranked() -> list[Said]:
    both = [campaign("low", priority=1), campaign("high", priority=2)]
    return Customer(both).at(NOON_MS, 0, 1)[:1]


def refusal_budget() -> list[Said]:
    one = campaign(budget=1)
    rulings = Rulings(exhausted={Day(one.id, NOON_MS // DAY_MS): Spend(-1, "")})
    return Customer([one]).at(NOON_MS, 0, rulings=rulings)


def refusal_holdout() -> list[Said]:
    return Customer([campaign(holdout=1.0)]).at(NOON_MS, 0)


@pytest.mark.parametrize("abort_type", get_args(AbortType))
def test_each_abort_type(abort_type: str) -> None:
    """One signal, of the first step; it closes the entry, but where a journey is under way."""
    (said,) = globals()[f"refusal_{abort_type}"]()
    assert (said.kind, said.abort_type, said.step) == ("suppressed", abort_type, 1)
    assert said.closes == (abort_type not in ("in_journey", "holdout"))
    assert said.outranked_by == ("high" if abort_type == "outranked" else None)
    assert said.waited_for == ("paused" if abort_type == "expired" else None)


def test_the_gates_have_an_order() -> None:
    """Of all that forbids a step, the first is told: each is taken away in turn."""
    policy = ContactPolicy(caps=(Cap(1, DAY_MS),), quiet_hours=QuietHours(12 * 60, 13 * 60))
    asks = campaign("x", step(wait_ms=HOUR_MS, offer="10 %"), expires_after_ms=1, budget=0)
    rulings = Rulings(exhausted={Day(asks.id, NOON_MS // DAY_MS): Spend(-1, "")})
    facts: dict[str, Any] = {"last_activity_ms": NOON_MS, "is_suppressed": True, "complains": True}
    no_consent: dict[str, Any] = {"consents": (), "contacts": [Contact(EMAIL, NOON_MS)]}
    found = []
    for taken in range(9):
        customer = entered(asks, policy=policy)
        customer.facts, customer.lapsed = dict(facts), [0]
        customer.consents, customer.contacts = no_consent["consents"], list(no_consent["contacts"])
        if taken > 0:
            customer.facts["last_activity_ms"] = NEVER
        if taken > 1:
            customer.lapsed = []
        if taken > 2:
            customer.policy = replace(policy, quiet_hours=None)
        if taken > 3:
            customer.facts["is_suppressed"] = False
        if taken > 4:
            customer.facts["complains"] = False
        if taken > 5:
            customer.consents = ["email"]
        if taken > 6:
            customer.contacts = []
        found += verdicts(customer.at(NOON_MS + 1, rulings=Rulings() if taken > 7 else rulings))
    assert found == [
        "goal_reached", "no_longer", "expired", "suppressed", "open_complaint", "no_consent", "frequency_cap",
        "budget", "email",
    ]  # fmt: skip


def test_what_closes_the_ladder_and_what_goes_on() -> None:
    """A refused step is not the end of the ladder, where the refusal is about the step."""
    ladder = campaign("x", step("email", offer="10 %"), step("email", wait_ms=HOUR_MS))
    customer = Customer([ladder], facts={"complains": True})
    (first,) = customer.at(NOON_MS, 0)
    assert (first.abort_type, first.step, first.closes) == ("open_complaint", 1, False)
    assert customer.look_ms == NOON_MS + HOUR_MS
    (second,) = customer.at(NOON_MS + HOUR_MS)
    assert (second.kind, second.step, second.entry) == ("requested", 2, 1)
    customer = Customer([ladder], facts={"is_suppressed": True})
    assert [each.closes for each in customer.at(NOON_MS, 0)] == [True]
    assert customer.look_ms == INF


def test_a_ladder_until_the_customer_is_back() -> None:
    """Steps at their waits, at least a second apart; then the journey waits for the goal, and tells what came of it."""
    ladder = campaign("x", step("email"), step("push"), step("sms", wait_ms=DAY_MS))
    customer = Customer([ladder])
    assert verdicts(customer.at(NOON_MS, 0)) == ["email"]
    assert customer.look_ms == NOON_MS + 1_000
    assert customer.at(NOON_MS + 999) == []
    assert verdicts(customer.at(NOON_MS + 1_000)) == ["push"]
    customer.facts["last_activity_ms"] = NOON_MS + HOUR_MS
    (ended,) = customer.at(NOON_MS + HOUR_MS)
    assert ended == Said(
        0, "ended", 1, NOON_MS, step=2, closes=True, outcome="converted", requests=2, since_ms=NOON_MS,
        at_ms=NOON_MS + HOUR_MS,
    )  # fmt: skip
    assert customer.look_ms == INF
    assert customer.at(NOON_MS + 8 * DAY_MS) == []


@pytest.mark.parametrize(
    ("goal", "activity_ms", "order_ms", "now_ms", "expected"),
    [
        ("activity", 1, NEVER, 1, ["converted"]),
        ("activity", 0, NEVER, 1, []),  # what led into it is not its success
        ("activity", 7 * DAY_MS, NEVER, 7 * DAY_MS, ["converted"]),
        ("activity", 7 * DAY_MS + 1, NEVER, 7 * DAY_MS + 1, ["not_converted"]),
        ("activity", NEVER, NEVER, 7 * DAY_MS - 1, []),
        ("activity", NEVER, NEVER, 7 * DAY_MS, ["not_converted"]),
        ("order", 1, NEVER, 1, []),
        ("order", 1, 1, 1, ["converted"]),
    ],
)
def test_the_goal(goal: str, activity_ms: int, order_ms: int, now_ms: int, expected: list[str]) -> None:
    """Within the window behind the first request, both ends to the millisecond. Instants behind the request."""
    customer = Customer([campaign(goal=goal)])
    customer.at(NOON_MS, 0)
    for name, at_ms in (("last_activity_ms", activity_ms), ("last_order_ms", order_ms)):
        customer.facts[name] = NEVER if at_ms == NEVER else NOON_MS + at_ms
    assert verdicts(customer.at(NOON_MS + now_ms)) == expected


def test_without_a_goal_it_is_done_with_the_last_step() -> None:
    customer = Customer([campaign("x", step(), step(wait_ms=DAY_MS), goal="none")])
    assert verdicts(customer.at(NOON_MS, 0)) == ["email"]
    asked, done = customer.at(NOON_MS + DAY_MS)
    assert (asked.kind, done.outcome, done.requests, done.step) == ("requested", "done", 2, 2)
    assert (asked.closes, done.closes) == (False, True)


def test_a_goal_that_an_edit_took_away_is_not_waited_for() -> None:
    """What has no step left ends when it is looked at next; the others behind their last step."""
    steps = step(), step(wait_ms=DAY_MS)
    customer = Customer([campaign("short"), campaign("long", *steps)])
    assert verdicts(customer.at(NOON_MS, 0)) == ["email"]
    assert verdicts(customer.at(NOON_MS + DAY_MS, 1)) == ["email"]
    customer.campaigns = [replace(each, goal="none") for each in customer.campaigns]
    (ended,) = customer.at(NOON_MS + DAY_MS + HOUR_MS)
    assert (ended.place, ended.outcome, ended.closes, ended.requests, ended.at_ms) == (
        0,
        "done",
        True,
        1,
        NEVER,
    )
    assert not customer.journeys[0].is_open
    assert verdicts(customer.at(NOON_MS + 2 * DAY_MS)) == ["email", "done"]
    assert customer.look_ms == INF


def test_a_new_entry_finds_the_one_without_a_goal_over() -> None:
    customer = Customer([campaign(again_ms=0)])
    customer.at(NOON_MS, 0)
    customer.campaigns = [campaign(again_ms=0, goal="none")]
    assert [each.outcome for each in customer.at(NOON_MS + HOUR_MS, 0)] == ["done", None, "done"]


def test_a_ghost_goes_the_same_way_unseen() -> None:
    """Of the control group, one signal says so, and the end counts what would have been."""
    ladder = campaign("x", step(), step("push", wait_ms=DAY_MS))
    customer = Customer([ladder], ALL_HELD_OUT)
    (held_out,) = customer.at(NOON_MS, 0)
    assert (held_out.kind, held_out.abort_type, held_out.closes) == ("suppressed", "holdout", False)
    assert customer.at(NOON_MS + DAY_MS) == []
    (ended,) = customer.at(NOON_MS + 7 * DAY_MS)
    assert (ended.outcome, ended.requests, ended.step, ended.arm) == ("not_converted", 2, 2, held_out.arm)


def test_caps_hold_for_the_control_group_of_all_campaigns() -> None:
    """They get into the entries that others get into. In a campaign's own, there are the others' requests to count."""
    pair = campaign("first", holdout=0.5), campaign("second")
    capped = ContactPolicy(caps=(Cap(1, 7 * DAY_MS),))
    everywhere = replace(capped, holdout=1.0)
    own = next(str(n) for n in range(99) if is_held_out(pair[0], capped, str(n)))
    asked = next(str(n) for n in range(99) if not is_held_out(pair[0], capped, str(n)))
    found = {}
    for policy, customer in ((capped, asked), (everywhere, asked), (capped, own)):
        one = Customer(pair, policy, customer)
        found[policy.holdout, customer] = verdicts([*one.at(NOON_MS, 0), *one.at(NOON_MS + HOUR_MS, 1)])
    assert found == {
        (0.0, asked): ["email", "frequency_cap"],
        (1.0, asked): ["holdout", "frequency_cap"],
        (0.0, own): ["holdout", "email"],
    }


def test_dry_campaigns_are_no_contacts_in_any_control_group() -> None:
    customer = Customer([campaign(mode="dry")], ALL_HELD_OUT)
    customer.at(NOON_MS, 0)
    assert (customer.journeys[0].requests, customer.contacts) == (1, [])


def test_a_ghost_has_a_cooldown_and_a_budget_too() -> None:
    one = campaign(goal="none", budget=1)
    customer, rulings = Customer([one], ALL_HELD_OUT), Rulings()
    assert verdicts(customer.at(NOON_MS, 0, rulings=rulings)) == ["holdout", "done"]
    assert rulings.attempts == {Day(one.id, NOON_MS // DAY_MS): [Spend(NOON_MS, "ada")]}
    assert verdicts(customer.at(NOON_MS + 1, 0)) == ["cooldown"]


def test_a_new_entry_supersedes_one_that_only_waits_for_its_goal() -> None:
    """Once the cooldown is over; the ended one is told first."""
    customer = Customer([campaign()])
    customer.at(NOON_MS, 0)
    ended, asked = customer.at(NOON_MS + DAY_MS, 0)
    assert (ended.outcome, ended.entry, ended.entered_ms) == ("superseded", 1, NOON_MS)
    assert (asked.kind, asked.entry, asked.entered_ms) == ("requested", 2, NOON_MS + DAY_MS)


def test_refused_while_a_journey_is_open_is_no_entry() -> None:
    """It tells that journey's number, and closes nothing; afterwards, a refused one counts."""
    customer = Customer([campaign("x", step(), step(wait_ms=HOUR_MS))])
    customer.at(NOON_MS, 0)
    (again,) = customer.at(NOON_MS + 1, 0)
    assert (again.abort_type, again.entry, again.step, again.closes) == ("in_journey", 1, 2, False)
    customer.at(NOON_MS + HOUR_MS)
    found = customer.at(NOON_MS + HOUR_MS + 1, 0)
    assert [(each.abort_type, each.entry, each.step, each.closes) for each in found] == [
        ("cooldown", 1, 2, False)
    ]
    # The journey of the first entry is open all the same.
    customer.facts["last_activity_ms"] = NOON_MS + HOUR_MS + 2
    (ended,) = customer.at(NOON_MS + HOUR_MS + 2)
    assert (ended.outcome, ended.entry) == ("converted", 1)
    (refused,) = customer.at(NOON_MS + HOUR_MS + 3, 0)
    assert (refused.abort_type, refused.entry, refused.step, refused.closes) == ("cooldown", 2, 1, True)


def test_the_greatest_priority_asks_the_first_of_equal_ones() -> None:
    """And all others of that instant are outranked by it."""
    campaigns = [campaign("a", priority=1), campaign("b", priority=2), campaign("c", priority=2)]
    found = Customer(campaigns).at(NOON_MS, 0, 1, 2)
    assert verdicts(found) == ["outranked", "email", "outranked"]
    assert [each.outranked_by for each in found] == ["b", None, "b"]


@pytest.mark.parametrize(("priority", "expected"), [(2, ["outranked"]), (1, ["email"]), (0, ["email"])])
def test_a_greater_campaign_that_will_ask_goes_before(priority: int, expected: list[str]) -> None:
    """While its ladder is not closed; an equal one does not."""
    later = waiting("later", priority=priority)
    customer = entered(later, campaign("now", priority=1), at_ms=NOON_MS + 1)
    assert verdicts(customer.at(NOON_MS, 1)) == expected


def test_paused_and_dry_campaigns_outrank_nobody() -> None:
    for mode in ("paused", "dry"):
        customer = entered(waiting("later", priority=2, mode=mode), campaign("now"), at_ms=NOON_MS + 1)
        assert verdicts(customer.at(NOON_MS, 1)) == ["email"]


def test_a_winner_without_budget_still_outranks() -> None:
    high = campaign("high", priority=2, budget=1)
    rulings = Rulings(exhausted={Day(high.id, NOON_MS // DAY_MS): Spend(-1, "")})
    found = Customer([high, campaign("low")]).at(NOON_MS, 0, 1, rulings=rulings)
    assert verdicts(found) == ["budget", "outranked"]


def test_a_dry_campaign_says_and_spends_nothing() -> None:
    """It is counted, goes on as if it asked, and leaves the others alone."""
    dry = campaign("dry", mode="dry", priority=9, budget=1, goal="none")
    customer, rulings = Customer([dry, campaign("live")]), Rulings()
    found = customer.at(NOON_MS, 0, 1, rulings=rulings)
    assert [(each.place, each.kind) for each in found] == [(1, "requested")]
    assert dict(rulings.dry) == {("dry", "requested"): 1, ("dry", "ended"): 1}
    assert customer.contacts == [Contact(EMAIL, NOON_MS)]
    assert customer.journeys[0].requested_ms == NOON_MS
    assert rulings.attempts == {}


def test_an_operator_s_word_goes_before_the_file_s() -> None:
    """A campaign that is live in the file can be held back, on all shards."""
    rulings = Rulings(modes={"winback": "dry"})
    assert Customer([campaign()]).at(NOON_MS, 0, rulings=rulings) == []
    assert dict(rulings.dry) == {("winback", "requested"): 1}


@pytest.mark.parametrize(
    ("rulings", "waited_for"),
    [(Rulings(modes={"winback": "paused"}), "paused"), (Rulings(is_held=True), "held")],
)
def test_paused_or_held(rulings: Rulings, waited_for: str) -> None:
    """It looks again every five minutes, asks when it may, and expires when it took too long."""
    customer = Customer([campaign()])
    assert customer.at(NOON_MS, 0, rulings=rulings) == []
    assert customer.look_ms == NOON_MS + 5 * MINUTE_MS
    assert customer.at(NOON_MS + 118 * MINUTE_MS, rulings=rulings) == []
    assert customer.look_ms == NOON_MS + 120 * MINUTE_MS
    released = Customer([campaign()], journeys={0: replace(customer.journeys[0])})
    assert verdicts(released.at(NOON_MS + 119 * MINUTE_MS)) == ["email"]
    (expired,) = customer.at(NOON_MS + 120 * MINUTE_MS, rulings=rulings)
    assert (expired.abort_type, expired.waited_for, expired.closes) == ("expired", waited_for, True)


def test_quiet_hours() -> None:
    """In the customer's time zone: 12:00 in UTC is 21:00 in Tokyo."""
    customer = Customer([campaign(expires_after_ms=DAY_MS)], ContactPolicy(quiet_hours=NIGHT))
    customer.facts["zone"] = zone("Asia/Tokyo")
    assert customer.at(NOON_MS, 0) == []
    assert customer.look_ms == NOON_MS + 11 * HOUR_MS
    assert verdicts(customer.at(NOON_MS + 11 * HOUR_MS)) == ["email"]


@pytest.mark.parametrize(
    ("at_minute", "facts", "waits_ms"),
    [
        (12 * 60, {}, 0),
        (11 * 60 + 1, {}, 0),  # 11:01 to 12:01
        (11 * 60, {}, 23 * HOUR_MS),
        (18 * 60, {}, 6 * HOUR_MS),
        (21 * 60, {"zone": zone("Asia/Tokyo")}, 0),
        (BEST_HOUR, {}, 0),  # not known
        (BEST_HOUR, {"best_hour": 12}, 0),
        (BEST_HOUR, {"best_hour": 15}, 3 * HOUR_MS),
        (BEST_HOUR, {"best_hour": 15, "zone": zone("Asia/Tokyo")}, 3 * HOUR_MS),  # of UTC
    ],
)
def test_the_hour_of_a_step(at_minute: int, facts: dict[str, Any], waits_ms: int) -> None:
    one = campaign("x", step(at_minute=at_minute), expires_after_ms=DAY_MS)
    customer = Customer([one], facts=facts)
    found = verdicts(customer.at(NOON_MS, 0))
    if waits_ms:
        assert found == []
        assert customer.look_ms == NOON_MS + waits_ms
        found = verdicts(customer.at(customer.look_ms))
    assert found == ["email"]


def test_who_is_most_active_at_night_is_asked_by_day() -> None:
    one = campaign("x", step(at_minute=BEST_HOUR), expires_after_ms=DAY_MS)
    customer = Customer([one], ContactPolicy(quiet_hours=NIGHT), facts={"best_hour": 23})
    assert verdicts(customer.at(NOON_MS, 0)) == ["email"]


@pytest.mark.parametrize(
    ("consents", "reacted", "preferred", "channel"),
    [
        (("email", "push"), -1, True, "email"),
        (("email", "push"), PUSH, True, "push"),
        (("email", "push"), PUSH, False, "email"),
        (("email",), PUSH, True, "email"),
        (("email", "sms"), 2, True, "sms"),  # also one that the step does not name
        (("push",), -1, False, "push"),
    ],
)
def test_the_channel(consents: tuple[str, ...], reacted: int, preferred: bool, channel: str) -> None:
    one = campaign("x", step("email", "push", preferred=preferred))
    assert verdicts(Customer([one], consents=consents, facts={"reacted": reacted}).at(NOON_MS, 0)) == [
        channel
    ]


def test_a_capped_channel_gives_way_to_the_next() -> None:
    policy = ContactPolicy(caps=(Cap(1, DAY_MS, "email"),))
    customer = Customer([campaign("x", step("email", "push"))], policy, contacts=[Contact(EMAIL, NOON_MS)])
    assert verdicts(customer.at(NOON_MS, 0)) == ["push"]


def test_a_ladder_that_became_shorter_closes() -> None:
    """A journey stands at a step that the file no longer has."""
    customer = Customer([campaign("x", step(wait_ms=0, offer="10 %"), step(wait_ms=HOUR_MS))])
    customer.facts["complains"] = True
    customer.at(NOON_MS, 0)
    customer.campaigns = [campaign("x", step())]
    (closed,) = customer.at(NOON_MS + HOUR_MS)
    assert (closed.abort_type, closed.closes) == ("definition", True)


FACTS: Final = st.fixed_dictionaries(
    {
        "redefined": st.sampled_from([False] * 9 + [True]),
        "is_suppressed": st.sampled_from([False] * 9 + [True]),
        "complains": st.booleans(),
        "best_hour": st.integers(-1, 23),
        "last_activity_ms": st.just(NEVER),
        "last_order_ms": st.just(NEVER),
    }
)
LOOKS: Final = st.lists(
    st.tuples(
        st.sampled_from((1, 1_000, MINUTE_MS, HOUR_MS, 7 * HOUR_MS, DAY_MS, 3 * DAY_MS)),
        st.sets(st.integers(0, 2)),  # led into
        st.sets(st.integers(0, 2), max_size=1),  # no longer holds
        FACTS,
        st.booleans(),  # is active
        st.booleans(),  # paused or held
    ),
    max_size=25,
)
CAMPAIGNS: Final = st.tuples(
    *(
        st.builds(
            campaign,
            st.just(key),
            st.builds(
                step, wait_ms=st.sampled_from((0, HOUR_MS)), at_minute=st.sampled_from((None, 600, -1))
            ),
            st.builds(step, st.just("push"), wait_ms=st.sampled_from((0, DAY_MS)), offer=st.just("10 %")),
            goal=st.sampled_from(("activity", "order", "none")),
            priority=st.integers(0, 1),
            again_ms=st.sampled_from((0, DAY_MS, None)),
            holdout=st.sampled_from((0.0, 1.0)),
            mode=st.sampled_from(("live", "live", "paused")),
        )
        for key in ("a", "b", "c")
    )
)


@settings(max_examples=200)
@given(CAMPAIGNS, LOOKS)
def test_every_entry_is_closed_once(campaigns: tuple[Campaign, ...], looks: list[Any]) -> None:
    """Whatever happens: of all that is said of an entry, the last thing closes it, and nothing before."""
    policy = ContactPolicy(quiet_hours=NIGHT, caps=(Cap(2, DAY_MS),))
    customer, now_ms = Customer(campaigns, policy), NOON_MS
    said: list[Said] = []
    for pause_ms, triggered, lapsed, facts, is_active, is_held in looks:
        now_ms += pause_ms
        customer.lapsed = lapsed
        before = customer.facts.get("last_activity_ms", NEVER)
        customer.facts = {**facts, "last_activity_ms": now_ms if is_active else before}
        found = customer.at(now_ms, *triggered, rulings=Rulings(is_held=is_held))
        assert [each.place for each in found] == sorted(each.place for each in found)
        assert sum(each.kind == "requested" for each in found) <= 1
        said += found
    customer.lapsed = range(3)  # nothing leads anywhere any more; what is open runs out
    for _ in range(100):
        if not customer.journeys or customer.look_ms == INF:
            break
        now_ms = max(now_ms, customer.look_ms)
        said += customer.at(now_ms)
    for place, journey in customer.journeys.items():
        assert not journey.is_open
        mine = [each for each in said if each.place == place]
        entries = {each.entered_ms for each in mine}  # no two are of one instant
        assert len(entries) == journey.seq
        for entered_ms in entries:
            of_entry = [each for each in mine if each.entered_ms == entered_ms]
            assert [each.closes for each in of_entry] == [False] * (len(of_entry) - 1) + [True]
            ends = [each.outcome for each in of_entry if each.kind == "ended"]
            asked = [each for each in of_entry if each.kind == "requested" or each.abort_type == "holdout"]
            assert len(ends) == bool(asked)
            assert set(ends) <= set(get_args(JourneyOutcome))


@pytest.mark.parametrize("redefined", [False, True])
def test_a_refused_entry_leaves_the_number_of_the_open_one(redefined: bool) -> None:
    """Or the first would never be closed, and the second one twice, by the action_id of no action."""
    customer = Customer([campaign()])
    customer.at(NOON_MS, 0)
    customer.facts["redefined"] = redefined
    (refused,) = customer.at(NOON_MS + 1, 0)
    assert (refused.entry, refused.closes) == (1, False)
    (ended,) = customer.at(NOON_MS + 7 * DAY_MS)
    assert (ended.entered_ms, ended.entry) == (NOON_MS, 1)
