"""Which form a history is enough for; the same history, the same model."""

import random
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from xxhash import xxh32_intdigest

from streamproc.churn.fit import Labels
from streamproc.churn.model import encode_model
from streamproc.churn.quality import auc
from streamproc.errors import StreamprocError
from streamproc.fitting import trial as module
from streamproc.fitting.forms import FORMS
from streamproc.fitting.report import calibration, report
from streamproc.fitting.trial import Trial, described, try_history
from tests.unit.fitting.histories import DAY_MS, FIRST_DAY, lives, log_of

LABELS = Labels(version="unnamed", trained_on="unnamed", created="2026-11-22")


def trial_of(pairs: list[tuple[str, int]], horizon_days: int = 21) -> Trial:
    log, ids = log_of(pairs)
    return try_history(log, ids, horizon_days, LABELS)


@pytest.fixture(scope="module", autouse=True)
def few_are_many() -> Iterator[None]:
    """So that the tests take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SCORECARD_CUSTOMERS_MIN", 400)
        yield


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, int]]:
    return lives(450, 120, seed=1)


@pytest.fixture(scope="module")
def trial(pairs: list[tuple[str, int]]) -> Trial:
    return trial_of(pairs)


def test_a_history_of_many_customers_is_tried_in_all_forms(trial: Trial) -> None:
    assert tuple(trial.risks) == FORMS
    assert trial.form in ("p0", "sc5")
    assert trial.model.horizon_days == 21
    assert trial.model.p0 is not None


def test_the_model_beats_recency_on_customers_held_out_and_is_calibrated(trial: Trial) -> None:
    figures = report(trial)
    own, base = figures.quality[trial.form], figures.quality["recency"]
    assert own.auc_near > base.auc_near + 0.02
    assert own.auc > base.auc
    assert own.ece < 0.04
    assert sum(group.states for group in figures.calibration) == figures.states == len(trial.states)
    assert [day.as_of for day in figures.by_date] == sorted(day.as_of for day in figures.by_date)


def test_the_same_history_gives_the_same_model_in_any_order(
    pairs: list[tuple[str, int]], trial: Trial
) -> None:
    noisy = pairs + pairs[::7]
    random.Random(3).shuffle(noisy)
    again = trial_of(noisy)
    assert encode_model(again.model) == encode_model(trial.model)
    assert all(np.array_equal(again.risks[form], trial.risks[form]) for form in FORMS)


def test_no_customer_is_scored_by_a_model_that_saw_it(pairs: list[tuple[str, int]], trial: Trial) -> None:
    """What became of one group of customers changes nothing in their own scores, but others'."""
    _, ids = log_of(pairs)
    end_ms = int(trial.states.now_ms[-1])
    fold = np.array([hash_of(customer) for customer in ids])
    gone = {ids[code] for code in np.flatnonzero(fold == 0)}
    kept = [(customer, ts) for customer, ts in pairs if customer not in gone or ts < end_ms]
    other, other_ids = log_of(kept)
    assert other_ids == ids
    changed = try_history(other, ids, 21, LABELS)
    first = trial.states.take(trial.states.now_ms < end_ms - 21 * DAY_MS)
    assert len(first)
    for form in FORMS:
        mine = scores_of(trial, form, ids)
        others = scores_of(changed, form, ids)
        same = [mine[key] == others[key] for key in mine if key[0] in gone and key in others]
        assert same
        assert all(same)
    assert scores_of(trial, "recency", ids) != scores_of(changed, "recency", ids)


def hash_of(customer: str) -> int:
    return xxh32_intdigest(customer.encode()) % 5


def scores_of(trial: Trial, form: str, ids: list[str]) -> dict[tuple[str, int], float]:
    states = trial.states
    return {
        (ids[code], now_ms): risk
        for code, now_ms, risk in zip(
            states.customer.tolist(),
            states.now_ms.tolist(),
            trial.risks[form].tolist(),
            strict=True,  # type: ignore[index]
        )
    }


def test_few_customers_fall_back_and_it_says_so() -> None:
    few = trial_of(lives(250, 120, seed=2))
    assert few.form in ("recency", "p0")
    assert any("the scorecard needs 400 customers, there are" in note for note in few.missing)
    near = few.states.near
    assert auc(few.risks["p0"][near], few.states.churned[near]) > 0.6


def test_customers_of_one_day_leave_recency() -> None:
    once = [(f"c{n}", (FIRST_DAY + n % 90) * DAY_MS) for n in range(400)]
    found = trial_of(once, 14)
    assert found.form == "recency"
    assert found.model.p0 is None
    assert "P0 needs 20 customers who were active on two days or more, 0 were" in found.missing[0]


def test_a_short_history_has_no_outcomes_so_p0_is_fitted_without() -> None:
    found = trial_of(lives(300, 60, seed=3), 90)
    assert (found.form, found.risks, found.model.sc5) == ("p0", {}, None)
    assert "too short" in found.missing[0]
    figures = report(found)
    assert (figures.churned, figures.quality, figures.calibration) == (None, {}, ())


def test_next_to_nothing_is_refused() -> None:
    with pytest.raises(StreamprocError, match="too short to see what became of anybody in 90 days"):
        trial_of([("a", FIRST_DAY * DAY_MS)], 90)


def test_nobody_comes_back_or_everybody_does() -> None:
    """Outcomes of one kind only: a model all the same."""
    daily = [(f"c{n}", (FIRST_DAY + day) * DAY_MS + n) for n in range(40) for day in range(60)]
    always = trial_of(daily, 7)
    assert not always.states.churned.any()
    assert always.risks[always.form].max() < 0.2
    assert np.isnan(report(always).quality[always.form].auc)


def test_a_model_is_named_by_what_is_in_it(trial: Trial) -> None:
    named = described(trial, None, "events.jsonl").model
    assert named.version.startswith("fit-21d-")
    assert named.trained_on.startswith("events.jsonl: ")
    tomorrow = msgspec.structs.replace(trial.model, created="2026-11-23")
    later = Trial(trial.form, tomorrow, trial.amount, trial.states, trial.risks, ())
    assert described(later, None, "events.jsonl").model.version == named.version
    assert described(trial, None, "others.jsonl").model.version != named.version
    assert described(trial, "mine", "events.jsonl").model.version == "mine"


def test_calibration_has_every_state_in_one_group() -> None:
    groups = calibration(np.array([0.0, 0.05, 0.1, 0.95, 1.0]), np.array([False, True, False, True, True]))
    assert [group.states for group in groups] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert (groups[0].churned, groups[0].risk, groups[3].risk) == (0.5, 0.025, None)
