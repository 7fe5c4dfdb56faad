"""The model file: what it holds, and what is said when it is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from streamproc.churn.model import P0, Scorecard, encode_model, load_model
from streamproc.errors import StreamprocError
from tests.unit.churn.customers import model_of

VALID: dict[str, Any] = {
    "version": "v1",
    "horizon_days": 90,
    "tau_days": None,
    "p0": {"r": 0.5, "alpha": 10, "a": 1, "b": 2},
    "sc5": {"w0": -1, "w1": 0.5, "w2": 0, "w3": 0, "w4": 0, "w5": 0},
    "means": {"logit_p0": 0, "log_silence": 0, "log_days": 0, "log_e30": 0, "log_e90": 0},
    "trained_on": "tests",
    "created": "2026-11-22",
}


def write(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "model.json"
    path.write_text(content)
    return path


def changed(path: str, value: Any) -> str:
    """VALID with one field (dotted path) set."""
    model = json.loads(json.dumps(VALID))
    *parents, name = path.split(".")
    place = model
    for parent in parents:
        place = place[parent]
    place[name] = value
    return json.dumps(model)


def test_the_packaged_default_says_what_it_was_fitted_on() -> None:
    model = load_model(None)
    assert model.version == "cdnow-1"
    assert "CDNOW" in model.trained_on
    assert model.horizon_days == 90
    assert model.p0 is not None
    assert model.sc5 is not None


def test_a_written_model_is_read_back_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(encode_model(load_model(None)))
    assert load_model(path) == load_model(None)


def test_p0_alone_is_the_scorecard_that_passes_it_through() -> None:
    model = model_of(p0=P0(r=1.0, alpha=1.0, a=1.0, b=1.0))
    assert model.weights == Scorecard(w0=0.0, w1=1.0, w2=0.0, w3=0.0, w4=0.0, w5=0.0)


def test_a_recency_rule_needs_no_p0(tmp_path: Path) -> None:
    raw = json.loads(changed("p0", None))
    raw["sc5"]["w1"] = 0
    assert load_model(write(tmp_path, json.dumps(raw))).p0 is None


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("sc5.w2", -0.1, "$.sc5.w2"),
        ("p0.alpha", 0, "$.p0.alpha"),
        ("p0.r", "much", "$.p0.r"),
        ("tau_days", 60, "$.tau_days"),
        ("horizon_days", 0, "$.horizon_days"),
        ("horizon_days", 30.5, "$.horizon_days"),
        ("version", "", "$.version"),
        ("created", "yesterday", "$.created"),
        ("means", {"logit_p0": 0}, "log_silence"),
        ("p0", None, "sc5.w1"),
        ("weights", {}, "weights"),
    ],
)
def test_errors_name_the_file_and_the_field(tmp_path: Path, field: str, value: Any, said: str) -> None:
    path = write(tmp_path, changed(field, value))
    with pytest.raises(StreamprocError) as caught:
        load_model(path)
    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert caught.value.fix


def test_a_model_with_neither_p0_nor_weights_is_refused(tmp_path: Path) -> None:
    raw = json.loads(changed("p0", None))
    raw["sc5"] = None
    with pytest.raises(StreamprocError, match="both are null"):
        load_model(write(tmp_path, json.dumps(raw)))


def test_a_file_that_is_not_json_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "version: v1")
    with pytest.raises(StreamprocError, match="not a churn model"):
        load_model(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StreamprocError, match=r"nowhere\.json: No such file") as caught:
        load_model(tmp_path / "nowhere.json")
    assert "STREAMPROC_MODEL" in caught.value.fix
