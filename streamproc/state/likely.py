"""What is likely of customers, so that little needs to be said of it in their packed states."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.hashes import text_hash
from streamproc.windows.table import BITMAP_DAYS, DECAY_DAYS, SPARSE_TABLES

#: About how many bits the number of rows takes.
_SIZES: Final[Mapping[str, int]] = {
    "panes": 6, "ring": 2, "members": 4, "journeys": 0, "words": 2, "tallies": 4, "views": 3, "hours": 3,
    "categories": 2, "funnels": 0, "contacts": 0,
}  # fmt: skip

#: What the packaged rules file calls its segments, campaigns and funnels, in its order, and so in the order of packed
#: rows. States hold the places of these ids instead of 32 bits each: only ever add at the end.
_KNOWN: Final = (
    "churned", "dormant", "at_risk", "won_back", "onboarding", "new", "active", "heavy", "medium", "light",
    "losing_interest", "frequent_buyer", "occasional_buyer", "one_time_buyer", "never_bought", "high_value", "champion",
    "deal_hunter", "refunder", "cart_abandoner", "checkout_abandoner", "onboarding_stuck", "app_first", "web_first",
    "content_fan", "needs_help", "promoter", "passive", "detractor", "advocate", "winback_dormant",
    "rescue_high_risk", "onboarding/1", "recover_cart", "watch/recover_cart",
)  # fmt: skip


def _decay() -> NDArray[np.float64]:
    """What a day of an age counts for in each of the decayed counts: float64[3, days].

    Rounded the same on every machine, unlike `exp`, as states hold only what the sum of these is off by.
    """
    return np.array(
        [[float((Decimal(-age) / Decimal(tau)).exp()) for age in range(BITMAP_DAYS)] for tau in DECAY_DAYS]
    )


SIZE_ORDERS: Final = np.array([_SIZES[name] for name in SPARSE_TABLES], np.uint8)
KNOWN_IDS: Final = np.array([text_hash(name) for name in _KNOWN], np.int64)
DECAY: Final = _decay()
