"""What campaigns of a shard did, as metrics: by campaign and arm, once a batch."""

from collections.abc import Iterable, Iterator
from typing import Final, get_args

from streamproc.actions.rulings import ENTERED, Rulings
from streamproc.contracts.signal_types import JourneyOutcome
from streamproc.metrics import Metrics
from streamproc.rules.campaign import Campaign, ContactPolicy, Goal

_BACK_OR_NOT: Final = ("converted", "not_converted")
#: By goal, what most often comes of a journey.
_OUTCOMES: Final[dict[Goal, tuple[str, ...]]] = {
    "activity": _BACK_OR_NOT,
    "order": _BACK_OR_NOT,
    "none": ("done",),
}
_ENDS: Final = frozenset(get_args(JourneyOutcome))
_ASKED: Final = frozenset(("requested", "holdout"))


def count_campaigns(metrics: Metrics, rulings: Rulings) -> None:
    """Count what a batch that is committed has decided."""
    for (key, kind), count in rulings.dry.items():
        metrics.count("campaigns_dry_total", count, key, kind)
    for (key, variant, held_out, what), count in rulings.tallied.items():
        arm = _labels(key, variant, held_out)
        if what == ENTERED:
            metrics.count("campaign_entries_total", count, *arm)
        elif what in _ASKED:
            metrics.count("campaign_requests_total", count, *arm)
        elif what in _ENDS:
            metrics.count("campaign_ended_total", count, *arm, what)
        else:
            metrics.count("campaign_suppressed_total", count, key, what)


def begin_campaigns(metrics: Metrics, campaigns: Iterable[Campaign], policy: ContactPolicy) -> None:
    """Export what rates are made of at 0, for each arm that there can be: a first rise is seen only from there."""
    for campaign in campaigns:
        for arm in _arms(campaign, policy):
            metrics.begin("campaign_entries_total", *arm)
            metrics.begin("campaign_requests_total", *arm)
            for outcome in _OUTCOMES[campaign.goal]:
                metrics.begin("campaign_ended_total", *arm, outcome)


def _arms(campaign: Campaign, policy: ContactPolicy) -> Iterator[tuple[str, str, str]]:
    for variant, _ in campaign.variants or (("", 1),):
        yield _labels(campaign.key, variant, is_held_out=False)
        if campaign.holdout or policy.holdout:
            yield _labels(campaign.key, variant, is_held_out=True)


def _labels(campaign: str, variant: str, is_held_out: bool) -> tuple[str, str, str]:
    return campaign, variant, "true" if is_held_out else "false"
