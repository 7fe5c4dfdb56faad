"""Campaigns: the long form of tests/oracle/test_campaigns.py, and whether it notices bugs in the engine."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from functools import lru_cache
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from streamproc import pipeline, relay
from streamproc.actions import decide
from streamproc.actions.allowance import Allowance
from streamproc.quota import Quota
from streamproc.relay import Relay
from streamproc.windows.panes import INF, NEVER
from tests.oracle.mishaps import MISHAPS, Mishap
from tests.oracle.test_campaigns import ORDEALS, check_campaigns
from tests.reference.campaigns_files import TEN_MINUTES
from tests.reference.campaigns_strategies import Campaigning, campaignings
from tests.reference.examples import EXAMPLES

pytestmark = pytest.mark.timeout(3600)

Patch = pytest.MonkeyPatch
MANY = 20 * EXAMPLES
CALM = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(CALM, max_examples=MANY)
@given(campaignings(with_controls=True), ORDEALS)
def test_two_months(one: Campaigning, ordeal: list[Mishap]) -> None:
    check_campaigns(one, ordeal)


@settings(CALM, max_examples=MANY)
@given(campaignings(TEN_MINUTES, with_controls=True), ORDEALS)
def test_ten_minutes(one: Campaigning, ordeal: list[Mishap]) -> None:
    check_campaigns(one, ordeal)


@lru_cache(maxsize=1)
def many_lives() -> list[Campaigning]:
    """The same random lives for every bug."""
    found: list[Campaigning] = []

    def find(one: Campaigning) -> None:
        found.append(one)

    # of one seed, examples resemble each other
    for number in range(30):
        few = settings(CALM, max_examples=8, database=None, phases=[Phase.generate])
        seed(number)(few(given(campaignings(with_controls=True))(find)))()
    return found


def consent_of_the_first_step_is_enough(patch: Patch) -> None:
    right = decide._Desk._allowed

    def allowed(self: Any, place: int, step: Any) -> str | None:
        if self._journeys[place].step > 0:
            self._facts = replace(self._facts, consents=-1)
        return right(self, place, step)

    patch.setattr(decide._Desk, "_allowed", allowed)


def contacts_are_forgotten_with_each_batch(patch: Patch) -> None:
    right = pipeline.unpack

    def unpack(*args: Any) -> Any:
        table = right(*args)
        table.contacts = table.contacts[:0]
        return table

    patch.setattr(pipeline, "unpack", unpack)


def budgets_begin_anew_with_each_owner(patch: Patch) -> None:
    right = Quota.__init__

    def begin(
        self: Quota, campaigns: Any, partition: int, partitions: int, stored: Any, *, breaks: bool
    ) -> None:
        right(self, campaigns, partition, partitions, {}, breaks=breaks)

    patch.setattr(Quota, "__init__", begin)


def budgets_are_those_of_all_shards(patch: Patch) -> None:
    right = Allowance.of
    patch.setattr(Allowance, "of", lambda campaigns, _, __, stored: right(campaigns, 0, 1, stored))


def pauses_hold_first_steps_only(patch: Patch) -> None:
    right = decide._Desk._waits

    def waits(self: Any, campaign: Any, step: Any) -> Any:
        found = right(self, campaign, step)
        return (None, INF) if found[0] == "paused" and step is not campaign.steps[0] else found

    patch.setattr(decide._Desk, "_waits", waits)


def arms_are_drawn_anew_by_each_owner(patch: Patch) -> None:
    owners, begin, variant = count(), Quota.__init__, decide.variant
    latest = 0

    def acquired(self: Quota, *args: Any, **kwargs: Any) -> None:
        nonlocal latest
        latest = next(owners)
        begin(self, *args, **kwargs)

    patch.setattr(Quota, "__init__", acquired)
    patch.setattr(decide, "variant", lambda campaign, customer: variant(campaign, f"{customer}/{latest}"))


def conversions_do_not_end_journeys(patch: Patch) -> None:
    right, goal_ms = decide._Desk.close_if_over, decide._Desk._goal_ms

    def close_if_over(self: Any, place: int) -> None:
        decide._Desk._goal_ms = lambda *_: NEVER  # type: ignore[method-assign]
        right(self, place)
        decide._Desk._goal_ms = goal_ms  # type: ignore[method-assign]

    patch.setattr(decide._Desk, "close_if_over", close_if_over)


def quiet_hours_are_those_of_utc(patch: Patch) -> None:
    right = decide.is_quiet
    patch.setattr(decide, "is_quiet", lambda hours, at_ms, zone: right(hours, at_ms, UTC))


def steps_to_come_keep_nobody_back(patch: Patch) -> None:
    patch.setattr(decide._Desk, "_coming", lambda *_: [])


def signals_are_trimmed_before_they_have_arrived(patch: Patch) -> None:
    async def send_batch(self: Any) -> int:
        entries = await self._store.outbox_read(self._shard.head, None, relay.BATCH_RECORDS)
        if entries:
            await self._store.outbox_trim(self._shard.head, entries[-1].id)
            await self._send(entries)
        return len(entries)

    patch.setattr(Relay, "send_batch", send_batch)


BUGS: tuple[Callable[[Patch], None], ...] = (
    *(consent_of_the_first_step_is_enough, contacts_are_forgotten_with_each_batch),
    *(budgets_begin_anew_with_each_owner, budgets_are_those_of_all_shards, pauses_hold_first_steps_only),
    *(arms_are_drawn_anew_by_each_owner, conversions_do_not_end_journeys, quiet_hours_are_those_of_utc),
    *(steps_to_come_keep_nobody_back, signals_are_trimmed_before_they_have_arrived),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_bug_is_noticed(bug: Callable[[Patch], None], monkeypatch: Patch) -> None:
    bug(monkeypatch)
    assert any(is_noticed(one) for one in many_lives())


def is_noticed(one: Campaigning) -> bool:
    try:
        check_campaigns(one, MISHAPS)
    except AssertionError:
        return True
    return False
