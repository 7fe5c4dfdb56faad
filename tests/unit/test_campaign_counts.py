"""What campaigns did, as metrics by arm."""

from collections.abc import Sequence
from typing import Any, Final

from prometheus_client import generate_latest

from streamproc.actions.rulings import Rulings
from streamproc.campaign_counts import begin_campaigns, count_campaigns
from streamproc.metrics import Metrics
from streamproc.rules.campaign import Campaign, ContactPolicy
from tests.unit.actions.desk import DAY_MS, HOUR_MS, NO_POLICY, NOON_MS, Customer, campaign, step

WEEK_MS: Final = 7 * DAY_MS
TRIED: Final = campaign("tried", holdout=0.5, variants=(("long", 1), ("short", 1)), again_ms=0)


def counted(metrics: Metrics) -> dict[str, float]:
    """What is above 0, by its name without the prefix, with its labels."""
    lines = generate_latest(metrics.registry).decode().splitlines()
    found = (line.rpartition(" ") for line in lines if line.startswith("streamproc_campaign"))
    return {
        name.removeprefix("streamproc_"): float(value)
        for name, _, value in found
        if float(value) and "_created" not in name
    }


def after(campaigns: Sequence[Campaign], ways: Sequence[tuple[str, dict[str, Any]]]) -> Metrics:
    """Customers who enter the first campaign at noon; `ways`: with what they are a week later."""
    metrics, rulings = Metrics(), Rulings()
    for name, facts in ways:
        customer = Customer(campaigns, customer=name)
        customer.at(NOON_MS, 0, rulings=rulings)
        customer.facts |= facts
        customer.at(NOON_MS + WEEK_MS, rulings=rulings)
    count_campaigns(metrics, rulings)
    return metrics


def test_an_arm_has_entries_requests_and_ends() -> None:
    """The control group's first ghost request counts as one, and not as suppressed."""
    back = {"last_activity_ms": NOON_MS + 1}
    metrics = after([TRIED], [(f"c{n}", back if n < 20 else {}) for n in range(100)])
    found = counted(metrics)
    assert "campaign_suppressed_total" not in "".join(found)
    for kind in ("entries_total", "requests_total"):
        assert sum(value for name, value in found.items() if kind in name) == 100
    arms = [(variant, held) for variant in ("long", "short") for held in ("true", "false")]
    for variant, held in arms:
        labels = f'campaign="tried",holdout="{held}",'
        (entries,) = (
            value
            for name, value in found.items()
            if name.startswith("campaign_entries") and variant in name and f'holdout="{held}"' in name
        )
        ended = {
            outcome: found[f'campaign_ended_total{{{labels}outcome="{outcome}",variant="{variant}"}}']
            for outcome in ("converted", "not_converted")
        }
        assert sum(ended.values()) == entries
    assert sum(value for name, value in found.items() if '"converted"' in name) == 20


def test_what_is_not_asked_for_counts_by_its_reason() -> None:
    """An entry that is refused is none, and a ladder goes on behind a refusal."""
    rulings, metrics = Rulings(), Metrics()
    one = campaign("one", step("sms"), step("email", wait_ms=DAY_MS))
    customer = Customer([one], consents=("email",))
    for hours in (0, 24, 36):
        customer.at(NOON_MS + hours * HOUR_MS, 0, rulings=rulings)
    count_campaigns(metrics, rulings)
    assert counted(metrics) == {
        'campaign_entries_total{campaign="one",holdout="false",variant=""}': 1,
        'campaign_requests_total{campaign="one",holdout="false",variant=""}': 1,
        'campaign_suppressed_total{campaign="one",reason="no_consent"}': 1,
        'campaign_suppressed_total{campaign="one",reason="in_journey"}': 1,
        'campaign_suppressed_total{campaign="one",reason="cooldown"}': 1,
    }


def test_a_dry_campaign_is_counted_apart() -> None:
    metrics = after([campaign("dry", mode="dry")], [("ada", {})])
    assert counted(metrics) == {
        'campaigns_dry_total{campaign="dry",kind="requested"}': 1,
        'campaigns_dry_total{campaign="dry",kind="ended"}': 1,
    }


def test_arms_that_there_can_be_are_exported_from_the_beginning() -> None:
    """Without a control group there is no arm of it; that of all campaigns counts."""

    def begun(policy: ContactPolicy, *campaigns: Campaign) -> int:
        metrics = Metrics()
        begin_campaigns(metrics, campaigns, policy)
        assert counted(metrics) == {}
        lines = generate_latest(metrics.registry).decode().splitlines()
        return sum(line.startswith("streamproc_campaign_entries_total{") for line in lines)

    assert begun(NO_POLICY, campaign()) == 1
    assert begun(NO_POLICY, TRIED) == 4
    assert begun(ContactPolicy(holdout=0.1), campaign(), TRIED) == 6
