"""Which edits are new definitions, and which of them forgot to raise a version."""

import pytest

from streamproc.rules.load import check_text
from streamproc.rules.model import Ruleset
from streamproc.rules.versions import changed_without_version

RULES = """
segments:
  - key: quiet
    name: Quiet
    description: Not here
    version: 2
    group: g
    priority: 1
    enter: recency > 14d
    min_dwell: 1d
  - {key: rich, name: Rich, version: 1, enter: money_90d > 100 USD, exit: money_90d < 50 USD}
churn: {hysteresis: 0.05}
campaigns:
  - key: back
    name: Back
    version: 1
    on: enter quiet
    channel: email
    reason: Quiet
    offer: gift
    expires_after: 7d
    reentry: after 30d
"""

WORDING = [
    ("name: Quiet", "name: Silent"),
    ("description: Not here", "description: Away"),
    ("recency > 14d", "(14d < recency)  # two weeks"),
    ("recency > 14d", "recency > 2w"),
    ("reason: Quiet", "reason: We miss you"),
    ("name: Back", "name: Come back"),
    ("priority: 1\n", "priority: 1\n    exit: not recency > 14d\n"),
]
DEFINITION = [
    ("recency > 14d", "recency >= 14d"),
    ("recency > 14d", "recency > 13d"),
    ("min_dwell: 1d", "min_dwell: 2d"),
    ("priority: 1", "priority: 2"),
    ("group: g", "group: h"),
    ("priority: 1\n", "priority: 1\n    exit: recency < 14d\n"),
]


def rules(text: str) -> Ruleset:
    ruleset, problems = check_text(text, "rules.yaml")
    assert ruleset is not None, problems
    return ruleset


@pytest.mark.parametrize("edit", WORDING)
def test_wording_is_not_definition(edit: tuple[str, str]) -> None:
    """Texts for people and the way an expression is written change nothing."""
    edited = rules(RULES.replace(*edit))
    assert edited.fingerprint == rules(RULES).fingerprint
    assert changed_without_version(rules(RULES), edited) == []


@pytest.mark.parametrize("edit", DEFINITION)
def test_a_changed_definition_needs_a_new_version(edit: tuple[str, str]) -> None:
    """The edit is noticed and named with its line; with the version raised it is fine."""
    edited = rules(RULES.replace(*edit))
    assert edited.fingerprint != rules(RULES).fingerprint
    (problem,) = changed_without_version(rules(RULES), edited)
    assert str(problem) == (
        "rules.yaml:3:1: error: segment `quiet` was changed, but its version is still 2\n  set `version: 3`"
    )
    raised = rules(RULES.replace(*edit).replace("version: 2", "version: 3"))
    assert changed_without_version(rules(RULES), raised) == []


@pytest.mark.parametrize(
    "edit",
    [
        ("on: enter quiet", "on: enter rich"),
        ("channel: email", "channel: sms"),
        ("offer: gift", "offer: cake"),
        ("expires_after: 7d", "expires_after: 6d"),
        ("reentry: after 30d", "reentry: each time"),
    ],
)
def test_a_changed_campaign_needs_a_new_version(edit: tuple[str, str]) -> None:
    """But customers need no evaluation for it: no membership depends on campaigns."""
    edited = rules(RULES.replace(*edit))
    (problem,) = changed_without_version(rules(RULES), edited)
    assert problem.message == "campaign `back` was changed, but its version is still 1"
    assert edited.fingerprint == rules(RULES).fingerprint


def test_a_version_does_not_fall() -> None:
    """Consumers take the greater version for the newer definition."""
    (problem,) = changed_without_version(rules(RULES), rules(RULES.replace("version: 2", "version: 1")))
    assert problem.message == "the version of segment `quiet` fell from 2 to 1"


def test_new_and_removed_segments_need_nothing() -> None:
    """Only what is in both files is compared."""
    few = rules("segments: []")
    assert changed_without_version(few, rules(RULES)) == []
    assert changed_without_version(rules(RULES), few) == []


def test_the_fingerprint_is_that_of_the_definitions() -> None:
    """Versions and churn bands count; file order and the meanings of events do not. Same on every machine."""
    ruleset = rules(RULES)
    assert ruleset.fingerprint == 954671258
    assert rules(RULES.replace("version: 2", "version: 3")).fingerprint != ruleset.fingerprint
    assert rules(RULES.replace("hysteresis: 0.05", "hysteresis: 0.1")).fingerprint != ruleset.fingerprint
    head, quiet, rich = RULES.partition("  - key: quiet")[0], *_entries(RULES)
    reordered = f"{head}{rich}{quiet}churn:{RULES.partition('churn:')[2]}"
    assert [segment.key for segment in rules(reordered).segments] == ["rich", "quiet"]
    assert rules(reordered).fingerprint == ruleset.fingerprint
    assert rules(RULES + "events: {Login: {activity: false}}\n").fingerprint == ruleset.fingerprint


def _entries(text: str) -> tuple[str, str]:
    body = text.partition("segments:\n")[2].partition("churn:")[0]
    quiet, marker, rich = body.partition("  - {key: rich")
    return quiet, marker + rich
