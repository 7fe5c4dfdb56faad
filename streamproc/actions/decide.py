"""A campaign's decision for one customer: request the action, or suppress it with the reason.

The gates in their order are those of docs/semantics.md, section 6; a new gate is one more line in `abort_type`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.rules.campaign import Campaign
from streamproc.windows.panes import NEVER
from streamproc.windows.table import CAMPAIGN_DTYPE, CustomerTable
from streamproc.windows.words import CONSENT

AbortType = Literal["definition", "cooldown", "no_consent"]


@dataclass(slots=True)
class CampaignHistory:
    """What campaigns did so far, dense: [n customers, c campaigns]."""

    requested_ms: NDArray[np.int64]
    seq: NDArray[np.int64]


def read_history(table: CustomerTable, campaigns: Sequence[Campaign]) -> CampaignHistory:
    """The dense form of `table.campaigns`."""
    shape = (len(table), len(campaigns))
    history = CampaignHistory(np.full(shape, NEVER, np.int64), np.zeros(shape, np.int64))
    for place, campaign in enumerate(campaigns):
        mine = table.campaigns[table.campaigns["campaign"] == campaign.id]
        history.requested_ms[mine["row"], place] = mine["requested_ms"]
        history.seq[mine["row"], place] = mine["seq"]
    return history


def write_history(table: CustomerTable, campaigns: Sequence[Campaign], history: CampaignHistory) -> None:
    """The inverse: `table.campaigns` from the dense form. Rows of campaigns no longer in the rules file stay."""
    ids = np.array([campaign.id for campaign in campaigns], np.uint32)
    row, place = np.nonzero(history.seq)
    mine = np.empty(len(row), CAMPAIGN_DTYPE)
    mine["row"], mine["campaign"] = row, ids[place]
    mine["requested_ms"], mine["seq"] = history.requested_ms[row, place], history.seq[row, place]
    other = table.campaigns[~np.isin(table.campaigns["campaign"], ids)]
    merged = np.concatenate((mine, other))
    table.campaigns = merged[np.argsort(merged["row"], kind="stable")]


def abort_type(
    campaign: Campaign, *, now_ms: int, last_requested_ms: int, consented: bool, redefined: bool
) -> AbortType | None:
    """Why the campaign's action is not requested now; None: it is.

    `last_requested_ms` is NEVER if it was not requested before. `redefined`: the trigger comes from an edited rule,
    not from the customer.
    """
    if redefined:
        return "definition"
    asked_before = last_requested_ms != NEVER
    if asked_before and (campaign.again_ms is None or last_requested_ms > now_ms - campaign.again_ms):
        return "cooldown"
    if not consented:
        return "no_consent"
    return None


def consenting(table: CustomerTable, channel: str) -> NDArray[np.bool_]:
    """Which customers consent to `channel`: bool[n]. Default: no."""
    words = table.words
    granted = (
        (words["about"] == CONSENT)
        & (words["key"] == CONSENT_CHANNELS.index(channel))
        & (words["value"] != 0)
    )
    consents = np.zeros(len(table), np.bool_)
    consents[words["row"][granted]] = True
    return consents
