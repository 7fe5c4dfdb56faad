"""Arms as the rules want them: what share is held out, and of what weight each variant is."""

from collections.abc import Sequence
from typing import NamedTuple

from streamproc.rules.campaign import Campaign, ContactPolicy


class Design(NamedTuple):
    """Of a campaign. holdout: share of all who would be asked, from the control group of all campaigns and its own."""

    holdout: float
    variants: tuple[tuple[str, int], ...] = ()

    @property
    def variant_shares(self) -> dict[str, float]:
        """They sum to 1, if there are variants."""
        total = sum(weight for _, weight in self.variants)
        return {name: weight / total for name, weight in self.variants}


def designs(campaigns: Sequence[Campaign], policy: ContactPolicy) -> dict[str, Design]:
    """By the campaigns' keys. A campaign's own control group is drawn from those who are not in that of all."""
    return {own.key: Design(1 - (1 - policy.holdout) * (1 - own.holdout), own.variants) for own in campaigns}
