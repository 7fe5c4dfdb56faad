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
        ("on: enter quiet", "on: exit quiet"),
        ("on: enter quiet", "on: band high both"),
        ("on: enter quiet", "on: enter quiet\n    when: orders_total > 3"),
        ("channel: email", "channel: sms"),
        ("channel: email", "channel: [email, sms]"),
        ("channel: email", "channel: email\n    at: best_hour"),
        ("offer: gift", "offer: cake"),
        ("expires_after: 7d", "expires_after: 6d"),
        ("reentry: after 30d", "reentry: each time"),
        ("reentry: after 30d", "reentry: never"),
        ("version: 1\n    on", "version: 1\n    priority: 1\n    on"),
        ("version: 1\n    on", "version: 1\n    goal: order\n    on"),
        ("version: 1\n    on", "version: 1\n    attribution: 8d\n    on"),
        ("version: 1\n    on", "version: 1\n    holdout: 10%\n    on"),
        ("version: 1\n    on", "version: 1\n    variants: {a: 1, b: 1}\n    on"),
    ],
)
def test_a_changed_campaign_needs_a_new_version(edit: tuple[str, str]) -> None:
    """But customers need no evaluation for it: no membership depends on campaigns."""
    edited = rules(RULES.replace(*edit))
    (problem,) = changed_without_version(rules(RULES), edited)
    assert problem.message == "campaign `back` was changed, but its version is still 1"
    assert edited.fingerprint == rules(RULES).fingerprint


@pytest.mark.parametrize(
    "edit",
    [
        ("reason: Quiet", "reason: Loud"),
        ("version: 1\n    on", "version: 1\n    mode: paused\n    on"),
        ("version: 1\n    on", "version: 1\n    budget: 10\n    on"),
        ("version: 1\n    on", "version: 1\n    attribution: 7d\n    on"),
        ("version: 1\n    on", "version: 1\n    priority: 0\n    on"),
        ("on: enter quiet", "on: enter   quiet"),
        ("channel: email", "channel: [email]"),
        ("campaigns:", "contact: {quiet_hours: 21:00-08:00, holdout: 5%}\ncampaigns:"),
    ],
)
def test_what_is_turned_up_and_down_needs_none(edit: tuple[str, str]) -> None:
    """Modes, budgets and the contact policy; nor do other words for the same campaign."""
    edited = rules(RULES.replace(*edit))
    assert changed_without_version(rules(RULES), edited) == []
    assert edited.fingerprint == rules(RULES).fingerprint


def test_a_step_is_defined_by_all_but_its_reason() -> None:
    single = "    channel: email\n    reason: Quiet\n    offer: gift\n"
    ladder = RULES.replace(
        single,
        "    steps:\n      - {channel: email, reason: Quiet, offer: gift}\n"
        "      - {wait: 3d, channel: email, reason: Still quiet}\n",
    )
    assert ladder != RULES
    assert len(changed_without_version(rules(RULES), rules(ladder))) == 1
    for new in ("wait: 4d, channel: email", "wait: 3d, channel: preferred"):
        assert (
            len(
                changed_without_version(rules(ladder), rules(ladder.replace("wait: 3d, channel: email", new)))
            )
            == 1
        )
    assert changed_without_version(rules(ladder), rules(ladder.replace("Still quiet", "Silent"))) == []


def test_a_watch_is_a_new_question_to_everybody() -> None:
    """So it is part of the fingerprint, though the version of its campaign is not; its other words are the same."""
    watched = RULES.replace("on: enter quiet", "on: inactive 30d")
    assert rules(watched).fingerprint != rules(RULES).fingerprint
    other = rules(watched.replace("30d\n    channel", "31d\n    channel"))
    assert other.fingerprint != rules(watched).fingerprint
    (problem,) = changed_without_version(rules(watched), other)
    assert problem.message == "campaign `back` was changed, but its version is still 1"
    for new in ("on: becomes recency > 30d", "on: inactive 30d\n    mode: paused", "on: inactive  30d"):
        same = rules(watched.replace("on: inactive 30d", new))
        assert same.fingerprint == rules(watched).fingerprint
        assert changed_without_version(rules(watched), same) == []
    raised = rules(watched.replace("name: Back\n    version: 1", "name: Back\n    version: 2"))
    assert raised.watches[0].version == 2
    assert raised.fingerprint == rules(watched).fingerprint


def test_the_value_of_a_cutoff_is_no_definition_of_a_campaign() -> None:
    """What it is a quantile of is; what a watch asks changes with the value, all the same."""
    cutoffs = "cutoffs: {rare: {feature: recency, quantile: 80%, fixed: 20d}}\n"
    for on in ("becomes recency > rare", "enter rich\n    when: recency > rare"):
        before = RULES.replace("on: enter quiet", f"on: {on}") + cutoffs
        moved, other = before.replace("fixed: 20d", "fixed: 21d"), before.replace("80%", "90%")
        assert changed_without_version(rules(before), rules(moved)) == []
        assert (rules(moved).fingerprint != rules(before).fingerprint) == ("becomes" in on)
        assert len(changed_without_version(rules(before), rules(other))) == 1


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
