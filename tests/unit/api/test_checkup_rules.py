"""Findings about rules, cut-offs and the churn model."""

from datetime import date
from pathlib import Path

import msgspec
import pytest

from streamproc.api.checkup_rules import judge_cutoffs, judge_model, judge_rules, look_back_ms
from streamproc.churn.model import load_model
from streamproc.rules.cutoff_values import NO_VALUES, CutoffValue
from streamproc.rules.load import check_text, load_ruleset
from tests.unit.api.test_checkup_kafka import bad

PLAYBOOK = load_ruleset(None)
MODEL = load_model(None)
TODAY = date(2026, 11, 23)
DAY_MS = 86_400_000

FLAPPING = """
segments:
  - {key: a, name: A, version: 1, enter: orders_90d >= 2 and orders_90d < 2}
"""


LEVELS = """
cutoffs:
  heavy: {feature: orders_90d, quantile: 80%, fixed: 3}
segments:
  - {key: a, name: A, version: 1, enter: orders_90d >= heavy}
"""


def test_the_playbook_is_in_order() -> None:
    (finding,) = judge_rules(PLAYBOOK, [], "rules.yaml")
    assert (
        finding.text
        == f"{len(PLAYBOOK.segments)} segments and {len(PLAYBOOK.campaigns)} campaigns from rules.yaml"
    )


def test_warnings_of_lint_are_told() -> None:
    ruleset, problems = check_text(FLAPPING, "my.yaml", NO_VALUES)
    assert ruleset is not None
    found = list(judge_rules(ruleset, problems, "my.yaml"))
    assert bad(found) == [("rules.file", "warning", "rules")]
    assert "my.yaml:3" in found[1].text
    assert "segments lint" in found[1].fix


@pytest.mark.parametrize(
    ("condition", "days"), [("recency > 14d", 90), ("recency > 200d", 200), ("orders_30d >= 1", 90)]
)
def test_how_far_rules_look_back(condition: str, days: int) -> None:
    """Never less than what states keep."""
    text = f"segments:\n  - {{key: a, name: A, version: 1, enter: {condition}}}\n"
    ruleset, _ = check_text(text, "my.yaml", NO_VALUES)
    assert ruleset is not None
    assert look_back_ms(ruleset) == days * DAY_MS


def test_cutoffs_that_are_missing_or_old() -> None:
    value = CutoffValue(feature="orders_90d", quantile=80, value="3", customers=10, rank_error=0.01)
    made = msgspec.structs.replace(NO_VALUES, created="2026-11-20T10:00:00Z", cutoffs={"heavy": value})
    with_one, _ = check_text(LEVELS, "my.yaml", NO_VALUES)
    assert with_one is not None
    assert bad(judge_cutoffs(with_one, "c.json", made, TODAY)) == []
    assert bad(judge_cutoffs(with_one, "c.json", made, date(2027, 1, 20))) == [
        ("rules.cutoffs", "warning", "cut-offs")
    ]
    assert bad(judge_cutoffs(with_one, "c.json", NO_VALUES, TODAY)) == [
        ("rules.cutoffs", "warning", "cut-offs")
    ]
    assert bad(judge_cutoffs(with_one, "", NO_VALUES, TODAY)) == []


def test_models_that_are_packaged_old_or_too_patient() -> None:
    old = msgspec.structs.replace(MODEL, created="2025-01-01")
    hasty = msgspec.structs.replace(MODEL, horizon_days=5)
    (finding,) = judge_model(MODEL, "", PLAYBOOK, TODAY)
    assert (finding.level, "not fitted on your customers" in finding.text) == ("ok", True)
    assert bad(judge_model(old, str(Path("own.json")), PLAYBOOK, TODAY)) == [
        ("rules.model", "warning", "model")
    ]
    assert bad(judge_model(hasty, "own.json", PLAYBOOK, TODAY)) == [("rules.model", "warning", "model")]
