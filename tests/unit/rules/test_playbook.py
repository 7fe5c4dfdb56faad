"""The packaged playbook at its borders. Lives that enter and leave each segment: tests/oracle/test_playbook.py."""

from collections.abc import Callable

import pytest

from streamproc.rules.campaign import Cap, QuietHours, Trigger
from streamproc.rules.expression import Not
from streamproc.rules.load import PLAYBOOK, check_ruleset, load_ruleset
from streamproc.rules.model import Segment
from tests.unit.rules import naive

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

PLAY = {segment.key: segment for segment in load_ruleset(None).segments}


class Person:
    """Somebody active on the given days of his history, the last of which is `tenure_days` ago or less."""

    def __init__(self, tenure_days: float, active_days_ago: list[float]) -> None:
        self.tenure_days = tenure_days
        self.active_days_ago = active_days_ago

    def __call__(self, name: str) -> tuple[int, bool]:
        if name == "tenure":
            return int(self.tenure_days * DAY_MS), True
        if name == "recency":
            since = min(self.active_days_ago, default=self.tenure_days)
            return int(since * DAY_MS), bool(self.active_days_ago)
        if name == "active_days_total":
            return len(self.active_days_ago), True
        days = int(name.removeprefix("active_days_").removesuffix("d"))
        return sum(ago < days for ago in self.active_days_ago), self.tenure_days >= days

    def is_in(self, key: str, inside: bool = False) -> bool:
        """Whether the customer stays or becomes raw member of the segment."""
        return is_in(PLAY[key], self, inside)

    def holds(self, group: str, member: str | None = None) -> str | None:
        """The group's segment that the customer is in next, being in `member` now."""
        members = [segment for segment in PLAY.values() if segment.group == group]
        fitting = [segment for segment in members if self.is_in(segment.key, segment.key == member)]
        return max(fitting, key=lambda segment: segment.priority).key if fitting else None


def is_in(segment: Segment, lookup: Callable[[str], tuple[int, bool]], inside: bool) -> bool:
    leave = Not(segment.enter) if segment.exit is None else segment.exit
    raw = naive.TRUE - naive.truth(leave, lookup) if inside else naive.truth(segment.enter, lookup)
    return raw == naive.TRUE or (raw == naive.UNKNOWN and inside)


def test_the_playbook_has_no_problems() -> None:
    """Not even warnings."""
    ruleset, problems = check_ruleset(None)
    assert problems == []
    assert ruleset is not None
    assert ruleset.path == PLAYBOOK
    assert len(PLAY) == len(ruleset.segments) >= 24
    assert all(segment.description for segment in ruleset.segments)


@pytest.mark.parametrize(
    ("tenure_days", "days", "member", "expected"),
    [
        (0.01, 1, None, None),  # young, not light
        (29, 2, None, None),
        (30, 2, None, "light"),
        (10, 3, None, "medium"),  # "at least" needs no history
        (10, 5, None, "heavy"),
        (60, 1, None, "light"),
        (60, 0, "light", None),
        (60, 3, "light", "medium"),
        (60, 5, "light", "heavy"),
        (60, 4, "heavy", "heavy"),
        (60, 3, "heavy", "medium"),
        (60, 2, "heavy", "light"),
        (60, 2, "medium", "medium"),
        (60, 1, "medium", "light"),
        (20, 2, "medium", "medium"),
    ],
)
def test_engagement(tenure_days: float, days: int, member: str | None, expected: str | None) -> None:
    """Levels with hysteresis; what is not known yet changes nothing."""
    person = Person(tenure_days, [ago + 0.5 for ago in range(days)])
    assert person.holds("engagement", member) == expected


@pytest.mark.parametrize(
    ("items", "idle_ms", "expected"),
    [
        (0, 0, False),
        (1, HOUR_MS - 1, False),
        (1, HOUR_MS, True),
        (3, 7 * DAY_MS - 1, True),
        (3, 7 * DAY_MS, False),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_cart_abandoner(items: int, idle_ms: int, expected: bool, inside: bool) -> None:
    """From an hour to a week after the cart's last change; an order empties the cart."""
    values = {"cart_items": (items, True), "cart_idle": (idle_ms, True)}
    assert is_in(PLAY["cart_abandoner"], values.__getitem__, inside) is expected


def test_campaigns() -> None:
    """The nearest to an order comes first; all have a control group, and offers only after a step without one."""
    ruleset = load_ruleset(None)
    campaigns = {campaign.key: campaign for campaign in ruleset.campaigns}
    ranked = sorted(ruleset.campaigns, key=lambda campaign: -campaign.priority)
    assert [campaign.key for campaign in ranked] == ["recover_cart", "rescue_high_risk", "winback_dormant"]
    assert {campaign.holdout for campaign in ruleset.campaigns} == {0.1}
    assert not any(campaign.steps[0].offer for campaign in ruleset.campaigns)
    winback = campaigns["winback_dormant"]
    assert winback.trigger == Trigger("enter", "dormant", "enter dormant")
    assert [step.wait_ms // DAY_MS for step in winback.steps] == [0, 7, 14]
    assert [str(watch.enter) for watch in ruleset.watches] == ["cart_idle > 4h"]


def test_contact_and_bands() -> None:
    """What all campaigns lean on."""
    ruleset = load_ruleset(None)
    assert ruleset.contact.quiet_hours == QuietHours(21 * 60, 8 * 60)
    assert ruleset.contact.caps == (Cap(1, None), Cap(3, 7 * DAY_MS), Cap(2, 7 * DAY_MS, "email"))
    assert str(ruleset.contact.complaint) == "open_tickets > 0"
    assert ruleset.churn.thresholds == (0.3, 0.6, 0.8)
    assert (ruleset.churn.hysteresis, ruleset.churn.min_history_ms) == (0.05, 7 * DAY_MS)
