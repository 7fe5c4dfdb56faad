"""Totals of customers whose state is older than the rules."""

import numpy as np

from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.rules.model import Funnel, with_funnels
from streamproc.windows.panes import DAY_MS
from streamproc.windows.table import FUNNEL_DTYPE, WORD_DTYPE, new_customers
from streamproc.windows.words import SUPPRESSED


def test_a_funnel_that_once_had_more_steps_is_done() -> None:
    """Somebody took steps away and did not raise the version: a restarted worker takes such a file."""
    funnel = Funnel("signing_up", 1, ("Signed Up", "Profile Completed"), 7 * DAY_MS)
    features = with_funnels([funnel])
    table = new_customers(["a", "b"])
    table.funnels = np.array([(0, funnel.id, 4, 5, 9), (1, funnel.id, 1, 5, 5)], FUNNEL_DTYPE)
    frame = Frame(table, np.full(2, 20_000 * DAY_MS))
    steps, left = (features[f"funnel_signing_up_{what}"] for what in ("steps", "left"))
    assert frame.value(steps).tolist() == [2, 1]
    assert frame.value(left).tolist() == [0, 1]
    assert frame.exact(left).all()


def test_who_is_on_the_suppression_list() -> None:
    """By the latest word; without one, nobody is."""
    table = new_customers(["a", "b", "c"])
    table.words = np.array([(0, SUPPRESSED, 0, 1, 5, 1), (1, SUPPRESSED, 0, 0, 5, 1)], WORD_DTYPE)
    frame = Frame(table, np.full(3, 20_000 * DAY_MS))
    feature = FEATURES["suppressed"]
    assert frame.value(feature).tolist() == [1, 0, 0]
    assert frame.exact(feature).all()
