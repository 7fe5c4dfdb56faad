"""Deadlines: exact with respect to the score, second by second."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.churn.deadline import INF_MS, SEARCH_MS, crossing_ms
from streamproc.churn.model import ChurnModel, load_model
from streamproc.churn.score import DAY_MS, ChurnColumns, Floats, Ints, history, score
from tests.unit.churn.customers import columns_of, lives, models

thresholds = st.floats(0.02, 0.98)


def deadlines(
    model: ChurnModel, columns: ChurnColumns, now_ms: Ints, threshold: Floats, before_ms: Ints | int = INF_MS
) -> Ints:
    """Of all customers; `before_ms`: what they were before."""
    rows = np.arange(len(now_ms))
    before_ms = np.broadcast_to(np.asarray(before_ms, np.int64), now_ms.shape)
    return crossing_ms(model, history(model, columns), rows, now_ms, threshold, before_ms)


@settings(deadline=None)
@given(
    models,
    st.lists(st.tuples(lives, st.integers(0, 300 * DAY_MS), thresholds), min_size=1, max_size=6),
)
def test_the_risk_is_reached_at_the_deadline_and_not_a_second_before(
    model: ChurnModel, customers: list[tuple[list[int], int, float]]
) -> None:
    columns = columns_of([life for life, _, _ in customers])
    now_ms = columns.last_activity_ms + np.array([silence for _, silence, _ in customers])
    threshold = np.array([threshold for _, _, threshold in customers])
    found = deadlines(model, columns, now_ms, threshold)
    first_ms = (now_ms // 1000 + 1) * 1000
    never = found == INF_MS
    assert (score(model, columns, first_ms + SEARCH_MS).risk < threshold)[never].all()
    assert (found % 1000 == 0)[~never].all()
    assert (found >= first_ms)[~never].all()
    at_ms = np.where(never, first_ms, found)
    assert (score(model, columns, at_ms).risk >= threshold)[~never].all()
    assert ((score(model, columns, at_ms - 1000).risk < threshold) | (at_ms == first_ms))[~never].all()


@settings(deadline=None, max_examples=30)
@given(models, lives, thresholds)
def test_a_daily_scan_finds_the_same_day(model: ChurnModel, life: list[int], threshold: float) -> None:
    """Ten years, brute force: the deadline is in the first day that ends at or above the threshold."""
    columns = columns_of([life])
    now_ms = columns.last_activity_ms
    found = int(deadlines(model, columns, now_ms, np.array([threshold]))[0])
    days_ms = int(now_ms[0]) + np.arange(1, 3651) * DAY_MS
    reached = score(model, columns.take(np.zeros(3650, np.intp)), days_ms).risk >= threshold
    if not reached.any():
        assert found > days_ms[-1]
    else:
        first = int(np.argmax(reached))
        assert days_ms[first] - DAY_MS < found <= days_ms[first]


@settings(deadline=None)
@given(models, lives, st.integers(0, 300 * DAY_MS), st.floats(1e-9, 1 - 1e-9), st.integers(-1, 2 * SEARCH_MS))
def test_it_does_not_matter_what_the_deadline_was_before(
    model: ChurnModel, life: list[int], silence_ms: int, threshold: float, later_ms: int
) -> None:
    columns = columns_of([life])
    now_ms, levels = columns.last_activity_ms + silence_ms, np.array([threshold])
    found = deadlines(model, columns, now_ms, levels, now_ms + later_ms)
    assert found.tolist() == deadlines(model, columns, now_ms, levels).tolist()
    first_ms = now_ms // 1000 * 1000 + 1000
    if found[0] == INF_MS:
        assert score(model, columns, first_ms + SEARCH_MS).risk[0] < threshold
    else:
        assert score(model, columns, found).risk[0] >= threshold
        assert found[0] == first_ms[0] or score(model, columns, found - 1000).risk[0] < threshold


def test_only_those_who_are_meant_are_looked_at() -> None:
    model, batch = load_model(None), [[10_000], [10_000, 10_003], [10_000, 10_001, 10_090]]
    columns = columns_of(batch)
    now_ms, threshold = columns.last_activity_ms + 1000, np.array([0.7, 0.6])
    rows, none_before = np.array([2, 1]), np.full(2, INF_MS)
    found = crossing_ms(model, history(model, columns), rows, now_ms, threshold, none_before)
    assert found.tolist() == deadlines(model, columns.take(rows), now_ms[rows], threshold).tolist()


def test_the_packaged_model_crosses_the_usual_thresholds_of_many_customers() -> None:
    """A batch with crossings at once, later and never, each checked against the score."""
    model = load_model(None)
    rng = np.random.default_rng(7)
    batch = [rng.integers(10_000, 10_400, size=rng.integers(1, 30)).tolist() for _ in range(300)]
    columns = columns_of(batch)
    now_ms = columns.last_activity_ms + 1000
    threshold = rng.choice([0.3, 0.6, 0.9, 0.999999], size=len(batch))
    found = deadlines(model, columns, now_ms, threshold)
    later, never = (found > now_ms + 1000) & (found < INF_MS), found == INF_MS
    assert later.sum() > 50
    assert never.sum() > 10
    assert (score(model, columns, np.where(never, 0, found)).risk >= threshold)[~never].all()
    assert (score(model, columns, np.where(never, 0, found) - 1000).risk < threshold)[later].all()


def test_a_threshold_already_reached_is_due_at_the_next_second() -> None:
    columns = columns_of([[10_000]])
    now_ms = int(columns.last_activity_ms[0]) + 1234
    assert deadlines(load_model(None), columns, np.array([now_ms]), np.array([0.1])).tolist() == [
        now_ms // 1000 * 1000 + 1000
    ]


@pytest.mark.parametrize(("threshold", "due"), [(-np.inf, "next second"), (np.inf, "never"), (1.0, "never")])
def test_thresholds_outside_0_and_1(threshold: float, due: str) -> None:
    """What `threshold_above` gives without a band and in the top band."""
    columns = columns_of([[10_000]])
    now_ms = columns.last_activity_ms
    wanted = now_ms[0] + 1000 if due == "next second" else INF_MS
    assert deadlines(load_model(None), columns, now_ms, np.array([threshold])).tolist() == [wanted]


def test_an_empty_batch_has_no_deadlines() -> None:
    columns = columns_of([[10_000]]).take(np.array([], np.intp))
    assert deadlines(load_model(None), columns, np.array([], np.int64), np.array([])).tolist() == []
