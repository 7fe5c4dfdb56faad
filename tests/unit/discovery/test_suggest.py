"""From states to rules: what is planted is named, and chance is not."""

import numpy as np
import pytest

from streamproc.discovery.document import MARK, as_document, key_of
from streamproc.discovery.study import Study
from streamproc.discovery.suggest import suggest
from streamproc.errors import StreamprocError
from streamproc.features.frame import Frame
from streamproc.rules.evaluate import TRUE, Evaluation
from streamproc.rules.expression import comparisons
from streamproc.rules.load import check_text, load_ruleset, ruleset_text
from streamproc.rules.program import compile_rules
from tests.unit.discovery.populations import Bools, by_lot, customers, study_of

RULESET = load_ruleset(None)
RULES = """
currency: EUR
session_gap: 10m
events:
  On: {order: true}   # which YAML 1.1 reads as true
  Lesson Finished: {valence: positive, counts: content_views}
funnels:
  - key: way
    version: 3
    steps: [On, "Lesson Finished"]
    within: 14d
segments:
  - {key: known, name: Known, version: 1, enter: events_total >= 1}
churn: {min_history: 9d}
"""


def planted(n: int, seed: int) -> tuple[Study, Bools]:
    """6 % of the customers have four orders or more and something in the cart, and leave three times as often."""
    table = customers(n, seed)
    table.head["money_micros"] = 0  # which would tell of orders, too
    group = np.asarray((table.head["orders"] >= 4) & (table.head["cart_items"] >= 1))
    return study_of(table, by_lot(np.where(group, 0.6, 0.2), n, seed)), group


@pytest.mark.parametrize("seed", range(4))
def test_a_planted_segment_is_suggested_first(seed: int) -> None:
    study, group = planted(8_000, seed)
    assert 0.05 < group.mean() < 0.07
    found = suggest(study, RULESET, less=False)
    first = found.suggestions[0]
    assert first.q < 0.001
    assert {str(one) for one in comparisons(first.conditions)} == {"orders_total >= 4", "cart_items >= 1"}
    assert found.train.customers + found.holdout.customers == 8_000


def test_chance_suggests_nothing() -> None:
    """Whether customers have it by lot, or how much of it. (A tenth of all runs on chance may suggest something.)"""
    false = 0
    for seed in range(3):
        table = customers(2_000, seed)
        amounts = np.round(np.random.default_rng(seed + 500).lognormal(4, 0.7, 2_000))
        for outcome, scale in ((by_lot(0.3, 2_000, seed), 1), (amounts, 100)):
            for less in (False, True):
                found = suggest(study_of(table, outcome, scale=scale), RULESET, less=less)
                assert found.tested > 0
                false += bool(found.suggestions)
    assert false <= 1


def test_the_rule_names_the_customers_of_the_figures() -> None:
    """By the rules' own evaluation, on both halves."""
    study, _ = planted(8_000, 1)
    train = study.train()
    frame = Frame(study.table, study.now_ms)
    for each in suggest(study, RULESET, less=False).suggestions:
        inside = Evaluation(frame, compile_rules([each.rule])).truth(each.rule) == TRUE
        assert (inside & train).sum() == each.train.customers
        assert (inside & ~train).sum() == each.holdout.customers
        assert study.outcome[inside & ~train].mean() == pytest.approx(each.holdout.mean)
        assert str(each.rule) == f"{each.conditions} and recency <= 30d"


def test_a_segment_that_there_is_is_not_suggested() -> None:
    study, group = planted(8_000, 1)
    covered = study_of(study.table, study.outcome, {"loyal": group})
    before = str(suggest(study, RULESET, less=False).suggestions[0].rule)
    assert before not in [str(each.rule) for each in suggest(covered, RULESET, less=False).suggestions]


def test_the_order_of_customers_does_not_matter() -> None:
    """The halves are by the hash of the id."""
    study, _ = planted(4_000, 2)
    assert 0.45 < study.train().mean() < 0.55
    half = study_of(study.table.take(np.arange(0, 4_000, 2)), study.outcome[::2])
    assert (half.train() == study.train()[::2]).all()


def test_too_few_customers_are_refused() -> None:
    study, _ = planted(1_999, 1)
    with pytest.raises(
        StreamprocError, match="1,999 customers with activity in the last 30 days are too few"
    ):
        study.check(2_000)
    study.check(1_999)


@pytest.mark.parametrize("having", [0, 99, 1_901, 2_000])
def test_too_few_outcomes_are_refused(having: int) -> None:
    outcome = (np.arange(2_000) < having).astype(np.float64)
    with pytest.raises(StreamprocError, match=f"there are {having:,} who have no activity"):
        study_of(customers(2_000, 1), outcome).check(2_000)


@pytest.mark.parametrize("text", [None, RULES, "segments: []\n", "{}\n"])
@pytest.mark.parametrize("scale", [1, 100])
def test_suggestions_are_a_rules_file_without_a_problem(text: str | None, scale: int) -> None:
    """And count as the rules in force do."""
    rules = ruleset_text(None) if text is None else text
    ruleset, _ = check_text(rules, "rules.yaml")
    assert ruleset is not None
    study, _ = planted(8_000, 3)
    study = study_of(study.table, study.outcome * scale, scale=scale)
    found = suggest(study, ruleset, less=False)
    document = as_document(found, rules, "events.jsonl")
    assert document.startswith(MARK)
    loaded, problems = check_text(document, "found.yaml")
    assert problems == []
    assert loaded is not None
    assert [segment.enter for segment in loaded.segments] == [each.rule for each in found.suggestions]
    assert [segment.key for segment in loaded.segments] == [key_of(each) for each in found.suggestions]
    assert loaded.meanings == ruleset.meanings
    assert (loaded.currency, loaded.session_gap_ms) == (ruleset.currency, ruleset.session_gap_ms)
    assert [funnel.id for funnel in loaded.funnels] == [funnel.id for funnel in ruleset.funnels]
    assert loaded.campaigns == ()
