"""Whatever mistake is put into the model of journeys, the promises that it breaks are seen to be broken."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.reference import apply, campaigns_gate, campaigns_journeys, contact
from tests.reference.campaigns_gate import Gate, Verdict
from tests.reference.campaigns_journeys import Journeys
from tests.reference.campaigns_strategies import Campaigning, campaignings
from tests.reference.compose import to_logs
from tests.reference.customer import Customer, Journey
from tests.reference.strategies import Scenario
from tests.unit.reference.journeys import broken_by
from tests.unit.reference.life import MODEL, NOON, WALL, D, H, identify, rules, track

pytestmark = pytest.mark.timeout(600)

Patch = pytest.MonkeyPatch
CALM = settings(
    max_examples=30,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@lru_cache(maxsize=1)
def many_lives() -> list[Campaigning]:
    """The same random lives for every mistake."""
    found: list[Campaigning] = []

    def find(one: Campaigning) -> None:
        found.append(one)

    # of one seed, examples resemble each other
    for number in range(10):
        seed(number)(CALM(given(campaignings(with_controls=True))(find)))()
    return [asked_twice_a_day(), *found]


def asked_twice_a_day() -> Campaigning:
    """For what random lives show too seldom: two steps on one day of Lord Howe that are on two days of UTC."""
    ladder = "{channel: email, reason: one}, {wait: 3h, channel: push, reason: two}"
    campaign = f"{{key: ask, on: enter shopping, reentry: never, expires_after: 1d, steps: [{ladder}]}}"
    zone = "contact: {time_zone: Australia/Lord_Howe, caps: [{most: 1, per: day}]}"
    text = rules("{key: shopping, enter: cart_items > 0}", zone, f"campaigns:\n  - {campaign}")
    consent = identify("ann", NOON, email=True, push=True)
    logs = to_logs([consent, track("Product Added", "ann", NOON + 11 * H)])
    return Campaigning(Scenario(text, MODEL, 1, logs, WALL, NOON + D), {})


def quiet_hours_ignored(patch: Patch) -> None:
    patch.setattr(campaigns_gate, "in_quiet_hours", lambda *_: False)


def quiet_hours_in_utc(patch: Patch) -> None:
    patch.setattr(campaigns_gate, "zone_of", lambda *_: "UTC")


def clocks_never_changed(patch: Patch) -> None:
    """As if it were winter, or summer, for the whole year."""

    def local(at_ms: int, zone: str) -> datetime:
        january = LOCAL(at_ms, zone).replace(month=1, day=1, hour=0)
        return (contact.EPOCH + timedelta(milliseconds=at_ms)).astimezone(
            timezone(january.utcoffset() or timedelta())
        )

    patch.setattr(contact, "local", local)


def caps_off_by_one(patch: Patch) -> None:
    right = contact.below_cap
    patch.setattr(contact, "below_cap", lambda cap, *rest: right(replace(cap, most=cap.most + 1), *rest))


def days_of_caps_in_utc(patch: Patch) -> None:
    right = contact.local_date
    patch.setattr(contact, "local_date", lambda at_ms, _: right(at_ms, "UTC"))


def messages_of_others_not_counted(patch: Patch) -> None:
    patch.setattr(apply.outcomes, "is_contact", lambda _: False)


def own_messages_not_counted(patch: Patch) -> None:
    patch.setattr(campaigns_journeys, "remember_contact", lambda *_: None)


def holdout_asked(patch: Patch) -> None:
    patch.setattr(campaigns_journeys, "in_holdout", lambda *_: False)


def consent_not_asked_for(patch: Patch) -> None:
    patch.setattr(Customer, "consents_to", lambda *_: True)


def unsubscribes_not_heard(patch: Patch) -> None:
    patch.setattr(apply.outcomes, "UNSUBSCRIBED", "Action Bounced")


def suppression_list_not_read(patch: Patch) -> None:
    right = apply.apply_traits
    patch.setattr(
        apply, "apply_traits", lambda customer, event: right(customer, replace(event, suppressed=None))
    )


def trigger_not_checked_again(patch: Patch) -> None:
    patch.setattr(campaigns_gate, "still_holds", lambda *_: True)


def goal_not_looked_at(patch: Patch) -> None:
    patch.setattr(campaigns_journeys, "goal_instant", lambda *_: None)


def goal_before_requests_not_looked_at(patch: Patch) -> None:
    patch.setattr(campaigns_gate, "is_goal_reached", lambda *_: False)


def hours_not_waited_for(patch: Patch) -> None:
    patch.setattr(campaigns_gate, "in_slot", lambda *_: True)


def complaints_not_heeded(patch: Patch) -> None:
    patch.setattr(Gate, "choose", lambda self, step, *rest: CHOOSE(self, replace(step, offer=None), *rest))


def pauses_not_seen(patch: Patch) -> None:
    patch.setattr(Gate, "mode", lambda self, campaign, now_ms: campaign.mode)


def budget_off_by_one(patch: Patch) -> None:
    patch.setattr(Journeys, "share_of", lambda self, budget: SHARE_OF(self, budget) + 1)


def budget_for_each_shard(patch: Patch) -> None:
    patch.setattr(Journeys, "share_of", lambda _, budget: budget)


def all_may_ask_at_once(patch: Patch) -> None:
    patch.setattr(Journeys, "first_of", lambda *_: None)


def steps_repeated(patch: Patch) -> None:
    """After a request, the same step once more."""

    def go_on(_: Journeys, campaign: Any, journey: Journey, now_ms: int) -> None:
        if journey.requests != 1:
            journey.step += 1
        journey.step_ms = now_ms + 1000

    patch.setattr(Journeys, "go_on", go_on)


def waits_left_out(patch: Patch) -> None:
    def go_on(_: Journeys, campaign: Any, journey: Journey, now_ms: int) -> None:
        journey.step += 1
        journey.step_ms = now_ms + 1000

    patch.setattr(Journeys, "go_on", go_on)


def ends_not_told(patch: Patch) -> None:
    patch.setattr(Journeys, "end_in_time", lambda *_: iter(()))


def closed_ladders_go_on(patch: Patch) -> None:
    patch.setattr(Verdict, "__init__", open_verdict)


def entries_not_refused(patch: Patch) -> None:
    """Whoever comes again begins anew at once, whatever is open, and whatever was asked."""
    right = Journeys.enter

    def enter(self: Journeys, customer: Customer, campaign: Any, *rest: Any) -> Any:
        past = self.past(customer, campaign)
        past.requested_ms, past.journey = None, None
        return right(self, customer, campaign, *rest)

    patch.setattr(Journeys, "enter", enter)


CHOOSE, SHARE_OF, VERDICT, LOCAL = Gate.choose, Journeys.share_of, Verdict.__init__, contact.local


def open_verdict(self: Verdict, *args: Any, **said: Any) -> None:
    VERDICT(self, *args, **{**said, "closes_ladder": False})


MISTAKES: dict[Callable[[Patch], None], str] = {
    quiet_hours_ignored: "never_in_quiet_hours",
    quiet_hours_in_utc: "never_in_quiet_hours",
    clocks_never_changed: "never_in_quiet_hours",
    caps_off_by_one: "never_over_a_cap",
    days_of_caps_in_utc: "never_over_a_cap",
    messages_of_others_not_counted: "never_over_a_cap",
    own_messages_not_counted: "never_over_a_cap",
    holdout_asked: "never_a_holdout",
    consent_not_asked_for: "only_with_consent",
    unsubscribes_not_heard: "only_with_consent",
    suppression_list_not_read: "nobody_on_the_suppression_list",
    trigger_not_checked_again: "only_while_it_holds",
    goal_not_looked_at: "never_after_the_goal",
    goal_before_requests_not_looked_at: "never_after_the_goal",
    hours_not_waited_for: "only_in_its_hour",
    complaints_not_heeded: "offers_wait_for_answers",
    pauses_not_seen: "pauses_are_kept",
    budget_off_by_one: "budgets_are_kept",
    budget_for_each_shard: "budgets_are_kept",
    all_may_ask_at_once: "never_twice",
    steps_repeated: "never_twice",
    waits_left_out: "ladders_are_climbed",
    ends_not_told: "every_entry_ends_once",
    closed_ladders_go_on: "ladders_are_climbed",
    entries_not_refused: "reentry_is_kept",
}


@pytest.mark.parametrize(
    ("mistake", "promise"), MISTAKES.items(), ids=lambda one: getattr(one, "__name__", "")
)
def test_a_mistake_breaks_its_promise(
    mistake: Callable[[Patch], None], promise: str, monkeypatch: Patch
) -> None:
    mistake(monkeypatch)
    said = (how for one in many_lives() for how in broken_by(one))
    assert next((how for how in said if how.startswith(f"{promise}: ")), None) is not None
