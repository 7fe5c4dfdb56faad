"""An action is requested once a cooldown, with consent, and never because a rule was edited."""

import numpy as np
import pytest

from streamproc.actions.decide import abort_type, consenting, read_history, write_history
from streamproc.rules.campaign import Campaign, Step, Trigger
from streamproc.windows.panes import NEVER
from streamproc.windows.table import CAMPAIGN_DTYPE, WORD_DTYPE, new_customers
from streamproc.windows.words import CONSENT

CAMPAIGN = Campaign(
    key="winback",
    name="Win back",
    version=1,
    trigger=Trigger("enter", "dormant", "enter dormant"),
    steps=(Step(0, ("push",), "silent"),),
    again_ms=1_000,
    expires_after_ms=86_400_000,
    attribution_ms=7 * 86_400_000,
    id=5,
)


@pytest.mark.parametrize(
    ("last_ms", "consented", "redefined", "expected"),
    [
        (NEVER, True, False, None),
        (NEVER, False, False, "no_consent"),
        (9_001, True, False, "cooldown"),
        (9_000, True, False, None),
        (9_001, False, False, "cooldown"),
        (9_001, False, True, "definition"),
    ],
)
def test_gates_in_their_order(last_ms: int, consented: bool, redefined: bool, expected: str | None) -> None:
    reason = abort_type(
        CAMPAIGN, now_ms=10_000, last_requested_ms=last_ms, consented=consented, redefined=redefined
    )
    assert reason == expected


def test_consent_is_denied_unless_given_for_that_channel() -> None:
    table = new_customers(["a", "b"])
    table.words = np.array(
        [(0, CONSENT, 1, 1, 0, 0), (1, CONSENT, 1, 0, 0, 0), (1, CONSENT, 0, 1, 0, 0)], WORD_DTYPE
    )
    assert consenting(table, "push").tolist() == [True, False]
    assert consenting(table, "email").tolist() == [False, True]
    assert consenting(table, "sms").tolist() == [False, False]


def test_history_keeps_campaigns_that_the_rules_no_longer_have() -> None:
    table = new_customers(["a", "b"])
    table.campaigns = np.array([(1, 5, 99, 2), (1, 6, 11, 1)], CAMPAIGN_DTYPE)
    history = read_history(table, [CAMPAIGN])
    assert history.requested_ms.tolist() == [[NEVER], [99]]
    history.seq[0, 0] = 1
    write_history(table, [CAMPAIGN], history)
    assert sorted(table.campaigns.tolist()) == [(0, 5, NEVER, 1), (1, 5, 99, 2), (1, 6, 11, 1)]
