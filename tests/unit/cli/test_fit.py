"""`streamproc fit`: a model file, figures, a picture; mistakes in words."""

import asyncio
import json
import random
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.churn.model import load_model
from streamproc.cli import fit as module
from streamproc.cli.fit import fit_command
from streamproc.errors import StreamprocError
from tests.unit.fitting.histories import DAY_MS, line, lives
from tests.unit.fitting.test_living import TODAY, stored


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "events.jsonl"
    path.write_bytes(b"".join(line(customer, ts) for customer, ts in lives(200, 90, seed=5)))
    return path


def fit(*arguments: object) -> Result:
    return CliRunner().invoke(fit_command, [str(argument) for argument in arguments], catch_exceptions=True)


def test_a_model_its_figures_and_its_picture(history: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.json"
    result = fit(history, "-o", out, "--horizon-days", 14)
    assert result.exit_code == 0, result.output
    model = load_model(out)
    assert model.horizon_days == 14
    assert model.version in result.stdout
    assert model.trained_on.startswith("events.jsonl: ")
    for words in (
        "fallback: the scorecard needs 1,000 customers",
        "near AUC",
        "all AUC",
        "Brier",
        "ECE",
        "recency",
    ):
        assert words in result.stdout
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.png"]


def test_the_fit_is_the_same_for_the_same_events_in_any_order(history: Path, tmp_path: Path) -> None:
    lines = history.read_bytes().splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    (tmp_path / "events.jsonl").write_bytes(b"".join(lines + lines[:50]))
    for name, source in (("a", history), ("b", tmp_path / "events.jsonl")):
        assert fit(source, "-o", tmp_path / f"{name}.json", "--horizon-days", 14).exit_code == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_json_has_all_figures(history: Path, tmp_path: Path) -> None:
    options = ("--horizon-days", 14, "--version", "mine-1", "--plot", tmp_path / "p.svg", "--json")
    result = fit(history, "-o", tmp_path / "m.json", *options)
    found = json.loads(result.stdout)
    assert found["version"] == load_model(tmp_path / "m.json").version == "mine-1"
    assert found["quality"]["recency"].keys() >= {"auc", "auc_near", "brier", "ece"}
    assert len(found["calibration"]) == len(found["calibration_near"]) == 10
    assert found["by_date"][0].keys() == {"as_of", "states", "risk", "churned", "auc", "auc_near"}
    assert (tmp_path / "p.svg").exists()


def test_a_history_without_outcomes_says_so(history: Path, tmp_path: Path) -> None:
    result = fit(history, "-o", tmp_path / "m.json")
    assert result.exit_code == 0, result.output
    assert "too short to see what became of anybody in 90 days" in " ".join(result.stdout.split())
    assert "without outcomes there are no figures" in result.stdout
    assert not (tmp_path / "m.png").exists()


def test_bad_lines_are_told_and_left_out(history: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.jsonl"
    spoilt.write_bytes(b"oops\n" + history.read_bytes())
    result = fit(spoilt, "-o", tmp_path / "m.json", "--horizon-days", 14)
    assert result.exit_code == 0, result.output
    assert f"{spoilt}:1: not_json" in result.stderr
    assert "1 bad line left out" in result.stderr


@pytest.mark.parametrize(
    ("content", "message", "fix"),
    [
        (b"", "no line is an event that is accepted", "one JSON event per line"),
        (b"nonsense\n", "no line is an event that is accepted", "streamproc validate"),
        (line("a", 0, type="identify"), "none of the 1 events counts as activity", "activity: true"),
        (line("a", 0), "too short to see what became of anybody", "shorter --horizon-days"),
    ],
)
def test_too_little_is_an_error_with_a_fix(tmp_path: Path, content: bytes, message: str, fix: str) -> None:
    (tmp_path / "e.jsonl").write_bytes(content)
    error = fit(tmp_path / "e.jsonl", "-o", tmp_path / "m.json").exception
    assert isinstance(error, StreamprocError)
    assert message in error.message
    assert fit_of(error).count(fix) == 1
    assert not (tmp_path / "m.json").exists()


def fit_of(error: StreamprocError) -> str:
    return error.fix


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "nowhere/m.json"), "there is no directory"),
        (("-o", "m.json", "--plot", "m.docx"), "cannot draw"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_is_read(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    error = fit(history, *options).exception
    assert isinstance(error, StreamprocError)
    assert message in error.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["scipy", "matplotlib"])
def test_without_the_extra_it_says_what_to_install(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("streamproc.fitting.", "streamproc.churn.fit"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    error = fit(history, "-o", tmp_path / "m.json").exception
    assert isinstance(error, StreamprocError)
    assert package in error.message
    assert ".[science]" in error.fix


def test_live_states_are_a_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of customers active on some of the last days; of a horizon that states do not know, without outcomes."""
    days = [[TODAY - 1 - (n * k * 7) % 120 for k in range(1, 2 + n % 9)] for n in range(120)]
    store = asyncio.run(stored([sorted(set(own)) for own in days], TODAY * DAY_MS))
    monkeypatch.setattr(module, "RedisStore", lambda *args, **options: store)
    result = fit("--live", "-o", tmp_path / "m.json", "--horizon-days", 21)
    assert result.exit_code == 0, result.output
    assert "near AUC" in result.stdout
    assert load_model(tmp_path / "m.json").trained_on.startswith("live states: ")
    beyond = fit("--live", "-o", tmp_path / "p0.json", "--horizon-days", 90)
    assert "fallback: a state knows 64 days well" in " ".join(beyond.stdout.split())
    assert load_model(tmp_path / "p0.json").sc5 is None


def test_either_files_or_live_states(history: Path, tmp_path: Path) -> None:
    for arguments in ((history, "--live"), ()):
        assert "give files of events, or --live" in fit(*arguments, "-o", tmp_path / "m.json").stderr


def test_the_history_is_not_written_over(history: Path) -> None:
    before = history.read_bytes()
    error = fit(history, "-o", history, "--horizon-days", 14).exception
    assert isinstance(error, StreamprocError)
    assert "--out would write over" in error.message
    assert history.read_bytes() == before


def test_model_and_picture_are_two_files(history: Path, tmp_path: Path) -> None:
    error = fit(history, "-o", tmp_path / "m.png").exception
    assert isinstance(error, StreamprocError)
    assert "--plot would write over" in error.message


def test_a_handful_of_customers_is_no_history(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_bytes(b"".join(line(customer, ts) for customer, ts in lives(3, 90, seed=2)))
    error = fit(path, "-o", tmp_path / "m.json", "--horizon-days", 14).exception
    assert isinstance(error, StreamprocError)
    assert "3 customers are too few" in error.message
    assert not (tmp_path / "m.json").exists()
