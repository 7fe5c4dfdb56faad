"""The contact policy of a rules file."""

import pytest

from streamproc.rules.campaign import Cap, ContactPolicy, QuietHours
from streamproc.rules.load import check_text

DAY_MS = 86_400_000

WHOLE = """
contact:
  time_zone: Europe/Berlin
  quiet_hours: 21:00-08:00
  caps:
    - most: 1
      per: day
    - {most: 2, per: 7d, channel: email}
  complaint: open_tickets > 0 or nps <= 6
  holdout: 5%
"""


def policy(text: str) -> ContactPolicy:
    ruleset, problems = check_text(text, "rules.yaml")
    assert ruleset is not None, problems
    assert problems == []
    return ruleset.contact


def test_the_whole_policy_is_read() -> None:
    found = policy(WHOLE)
    assert str(found.complaint) == "open_tickets > 0 or nps <= 6"
    assert found == ContactPolicy(
        time_zone="Europe/Berlin",
        quiet_hours=QuietHours(21 * 60, 8 * 60),
        caps=(Cap(1, None), Cap(2, 7 * DAY_MS, "email")),
        complaint=found.complaint,
        holdout=0.05,
    )


@pytest.mark.parametrize(
    "text", ["segments: []", "contact:", "contact: {caps: }", "contact: {quiet_hours: ~}"]
)
def test_without_it_only_complaints_hold_offers_back(text: str) -> None:
    found = policy(text)
    assert str(found.complaint) == "open_tickets > 0"
    assert found == ContactPolicy(complaint=found.complaint)


def test_complaints_can_be_left_out() -> None:
    assert policy("contact: {complaint: ~}") == ContactPolicy()


def test_quiet_hours_may_have_spaces() -> None:
    assert policy("contact: {quiet_hours: 00:00 - 06:30}").quiet_hours == QuietHours(0, 390)
