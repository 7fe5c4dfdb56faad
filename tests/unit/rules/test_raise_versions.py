"""Versions raised in the text of a rules file."""

import pytest

from streamproc.rules.load import check_text
from streamproc.rules.model import Ruleset
from streamproc.rules.raise_versions import raise_versions
from streamproc.rules.versions import changed_without_version
from tests.unit.rules.test_versions import DEFINITION, RULES, WORDING


def rules(text: str) -> Ruleset:
    ruleset, problems = check_text(text, "rules.yaml")
    assert ruleset is not None, problems
    return ruleset


@pytest.mark.parametrize("edit", DEFINITION)
def test_what_was_changed_gets_the_next_version(edit: tuple[str, str]) -> None:
    edited = RULES.replace(*edit)
    raised, told = raise_versions(edited, rules(RULES), rules(edited))
    assert raised == edited.replace("version: 2", "version: 3")
    assert told == ["segment quiet: version 3"]
    assert changed_without_version(rules(RULES), rules(raised)) == []


@pytest.mark.parametrize("edit", WORDING)
def test_wording_needs_none(edit: tuple[str, str]) -> None:
    edited = RULES.replace(*edit)
    assert raise_versions(edited, rules(RULES), rules(edited)) == (edited, [])


def test_a_ladder_is_raised_in_its_place() -> None:
    """Steps that have keys of the same names are none of its business."""
    steps = "    steps:\n      - {channel: email, reason: Quiet, offer: gift}\n"
    before = RULES.replace("    channel: email\n    reason: Quiet\n    offer: gift\n", steps)
    edited = before.replace(steps, f"{steps}      - {{wait: 3d, channel: sms, reason: Still quiet}}\n")
    raised, told = raise_versions(edited, rules(before), rules(edited))
    assert told == ["campaign back: version 2"]
    assert raised == edited.replace("name: Back\n    version: 1", "name: Back\n    version: 2")


def test_flow_style_campaigns_and_falls() -> None:
    """Two of one file at once; a version that only fell is that of before again; comments stay."""
    before = RULES + "# the end\n"
    edited = before.replace("money_90d > 100", "money_90d > 90").replace(
        "reentry: after 30d", "reentry: after 20d"
    )
    raised, told = raise_versions(edited, rules(before), rules(edited))
    assert told == ["segment rich: version 2", "campaign back: version 2"]
    assert "name: Rich, version: 2, enter" in raised
    assert raised.endswith("# the end\n")
    fallen = before.replace("version: 2", "version: 1")
    assert raise_versions(fallen, rules(before), rules(fallen))[0] == before
