"""The churn model on CDNOW: fitted on four fifths of the customers, the other fifth replayed.

Bars: AUC above recency's by .008 among all and .085 among those active in the last 90 days; calibration error .040. Two
minutes; `make acceptance ARGS="-k churn"` runs it alone.
"""

import json
import os
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from xxhash import xxh64_intdigest

from streamproc.churn.deadline import INF_MS, crossing_ms
from streamproc.churn.model import ChurnModel, load_model
from streamproc.churn.quality import auc, expected_calibration_error
from streamproc.churn.reasons import explain
from streamproc.churn.sampling import ActivityLog, States, states_at
from streamproc.churn.score import DAY_MS, history, score
from streamproc.cli.fit import fit_command
from streamproc.cli.score import as_of, score_command
from streamproc.simulate.cdnow import load_cdnow

pytestmark = pytest.mark.timeout(1800)

HORIZON_DAYS = 90
DATES = ("1997-10-01", "1997-11-01", "1997-12-01", "1998-01-01", "1998-02-01", "1998-03-01", "1998-04-01")
GAIN_ALL, GAIN_NEAR, ECE_MAX = 0.008, 0.085, 0.040


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train.jsonl`, `test.jsonl`, and `model.json` fitted on the former."""
    path = tmp_path_factory.mktemp("churn")
    with (path / "train.jsonl").open("wb") as train, (path / "test.jsonl").open("wb") as test:
        for event in load_cdnow(os.environ, one_in=1).events:
            held_out = xxh64_intdigest(event.customer.encode()) % 5 == 0
            (test if held_out else train).write(event.value + b"\n")
    arguments = [
        str(path / "train.jsonl"),
        "-o",
        str(path / "model.json"),
        "--horizon-days",
        str(HORIZON_DAYS),
    ]
    result = CliRunner().invoke(fit_command, arguments)
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> ChurnModel:
    return load_model(folder / "model.json")


@pytest.fixture(scope="module")
def purchases(folder: Path) -> dict[str, list[int]]:
    """When each customer held out bought."""
    found = defaultdict(list)
    for line in (folder / "test.jsonl").read_bytes().splitlines():
        event = json.loads(line)
        if event["type"] == "track":
            found[event["userId"]].append(as_of(event["timestamp"]).at_ms)
    return found


@pytest.fixture(scope="module")
def replayed(folder: Path) -> list[dict[str, Any]]:
    return scores(folder, folder / "test.jsonl", *DATES)


def scores(folder: Path, events: Path, *dates: str) -> list[dict[str, Any]]:
    arguments = [str(events), "--as-of", *dates, "--model", str(folder / "model.json")]
    result = CliRunner().invoke(score_command, arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_bars(replayed: list[dict[str, Any]], purchases: dict[str, list[int]]) -> None:
    assert len(replayed) == len(purchases) * len(DATES)
    horizon_ms = HORIZON_DAYS * DAY_MS
    risk = np.array([row["risk"] for row in replayed])
    at_ms = np.array([as_of(row["as_of"]).at_ms for row in replayed])
    bought = [np.array(purchases[row["customer_id"]]) for row in replayed]
    silence = np.array([now - own[own < now].max() for now, own in zip(at_ms, bought, strict=True)], float)
    churned = np.array(
        [not ((own >= now) & (own < now + horizon_ms)).any() for now, own in zip(at_ms, bought, strict=True)]
    )
    near = silence <= horizon_ms
    gain = auc(risk, churned) - auc(silence, churned)
    gain_near = auc(risk[near], churned[near]) - auc(silence[near], churned[near])
    ece = expected_calibration_error(risk, churned)
    print(f"\ngain over recency {gain:+.4f} all, {gain_near:+.4f} near; ECE {ece:.4f}")  # noqa: T201
    assert gain >= GAIN_ALL
    assert gain_near >= GAIN_NEAR
    assert ece <= ECE_MAX


def test_the_future_changes_no_score(folder: Path, replayed: list[dict[str, Any]], tmp_path: Path) -> None:
    """Each date's scores are those of a file that ends there."""
    lines = (folder / "test.jsonl").read_bytes().splitlines(keepends=True)
    times = [as_of(json.loads(line)["timestamp"]).at_ms for line in lines]
    for date in DATES[::3]:
        until_ms = as_of(date).at_ms
        cut = tmp_path / "cut.jsonl"
        cut.write_bytes(b"".join(line for line, at_ms in zip(lines, times, strict=True) if at_ms < until_ms))
        assert scores(folder, cut, date) == [row for row in replayed if row["as_of"] == date]


def test_neither_order_nor_repeats_change_a_score(
    folder: Path, replayed: list[dict[str, Any]], tmp_path: Path
) -> None:
    lines = (folder / "test.jsonl").read_bytes().splitlines(keepends=True)
    noisy = lines + lines[::2]
    random.Random(1).shuffle(noisy)
    (tmp_path / "noisy.jsonl").write_bytes(b"".join(noisy))
    assert scores(folder, tmp_path / "noisy.jsonl", *DATES) == replayed


@pytest.fixture(scope="module")
def states(purchases: dict[str, list[int]]) -> States:
    """Of the customers held out, in the middle."""
    pairs = [(code, at_ms) for code, own in enumerate(purchases.values()) for at_ms in own]
    log = ActivityLog.of(
        np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs]), len(purchases)
    )
    (found,) = states_at(log, [as_of("1998-01-01").at_ms])
    return found


def test_contributions_add_up(model: ChurnModel, states: States) -> None:
    found = score(model, states.columns, states.now_ms)
    told = explain(model, found, np.arange(len(states.customer)))
    assert np.abs(told.base + sum(told.contributions.values()) - found.logit).max() < 1e-9


def test_deadlines_are_those_of_a_look_every_day(model: ChurnModel, states: States) -> None:
    """For each band, the first of 400 days on which the risk has reached it."""
    days = np.arange(1, 401)
    risks = np.array([score(model, states.columns, states.now_ms + int(day) * DAY_MS).risk for day in days])
    size = len(states.customer)
    past, rows, now_ms = history(model, states.columns), np.arange(size), np.full(size, states.now_ms)
    for threshold in (0.3, 0.6, 0.8):
        found = crossing_ms(model, past, rows, now_ms, np.full(size, threshold), np.full(size, INF_MS))
        by_day = np.where(found == INF_MS, INF_MS, -(-(found - states.now_ms) // DAY_MS))
        looked = np.where((risks >= threshold).any(axis=0), (risks >= threshold).argmax(axis=0) + 1, INF_MS)
        assert np.array_equal(np.where(by_day > 400, INF_MS, by_day), looked)
