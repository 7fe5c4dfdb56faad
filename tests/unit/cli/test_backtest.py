"""`streamproc backtest`: a table, JSON, a picture; mistakes in words."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli.backtest import backtest_command
from streamproc.errors import StreamprocError
from tests.reference.compose import call, encode

DAY_MS = 86_400_000
ROOT = Path(__file__).parents[3]
START_MS = 20_514 * DAY_MS
RULES = """
segments:
  - {key: seen, name: Seen, version: 3, enter: events_total >= 1}
  - {key: quiet, name: Quiet, version: 1, enter: recency > 2d}
  - {key: bought, name: Bought, version: 1, enter: orders_total >= 1}
"""


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return str(path)


@pytest.fixture
def history(tmp_path: Path) -> str:
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        for number, customer in enumerate(("a", "b", "a")):
            body = call("page", customer, START_MS + number * 3 * DAY_MS, f"m{number}", name="Home")
            file.write(b'{"topic":"events.web","value":%b}\n' % encode(body))
    return str(path)


def backtest(*arguments: str) -> Result:
    return CliRunner().invoke(backtest_command, arguments, catch_exceptions=True)


def test_the_table_has_every_segment(history: str, rules: str) -> None:
    result = backtest(rules, history, "--silence", "3d")
    assert result.exit_code == 0
    first, *lines = result.stdout.splitlines()
    assert first.startswith("3 events, until 2026-03-12T00:00:00.000Z; 8 signals")
    at = lines.index("Segments")
    assert [line.split()[:6] for line in lines[at + 3 : at + 6]] == [
        ["seen", "2", "2", "0", "2", "2"],
        ["quiet", "2", "3", "1", "2", "2"],
        ["bought", "0", "0", "0", "0", "0"],
    ]


def test_json_has_the_sizes_by_day(history: str, rules: str) -> None:
    found = json.loads(backtest(rules, history, "--silence", "3d", "--json").stdout)
    assert (found["events"], found["refused"], found["until"]) == (3, 0, "2026-03-12T00:00:00.000Z")
    quiet = found["segments"][1]
    assert (quiet["key"], quiet["version"], quiet["at_the_end"]) == ("quiet", 1, 2)
    assert quiet["sizes"] == {"2026-03-04": 1, "2026-03-07": 2, "2026-03-08": 1, "2026-03-10": 2}


def test_a_picture_is_drawn(history: str, rules: str, tmp_path: Path) -> None:
    path = tmp_path / "sizes.png"
    assert backtest(rules, history, "--plot", str(path)).exit_code == 0
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "message", "fix"),
    [
        ("sizes.docx", "cannot draw ", "ends with .png or .svg"),
        ("sizes", "cannot draw ", "ends with .png or .svg"),
        ("missing/sizes.png", "there is no directory ", "a directory that exists"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_told_before_the_replay(
    name: str, message: str, fix: str, history: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamproc.cli.replaying.run", None)
    error = backtest(history, "--plot", str(tmp_path / name)).exception
    assert isinstance(error, StreamprocError)
    assert message in error.message
    assert fix in error.fix


def test_a_picture_without_matplotlib_is_told_before_the_replay(
    history: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamproc.cli.replaying.run", None)
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backend_bases"):
        monkeypatch.setitem(sys.modules, name, None)
    error = backtest(history, "--plot", "sizes.png").exception
    assert isinstance(error, StreamprocError)
    assert ".[science]" in error.fix
    assert ".[science]" in " ".join(backtest("--help").stdout.split())


def test_a_disk_that_is_full_is_told(history: str, rules: str, tmp_path: Path) -> None:
    (tmp_path / "sizes.png").symlink_to("/dev/full")
    error = backtest(rules, history, "--plot", str(tmp_path / "sizes.png")).exception
    assert isinstance(error, StreamprocError)
    assert error.message.endswith("No space left on device")
    assert "make room" in error.fix


@pytest.mark.parametrize("stdin", [False, True])
def test_plain_events(stdin: bool, rules: str) -> None:
    """What `publish --topic web` takes, from a file or a pipe."""
    example = ROOT / "examples" / "events.jsonl"
    arguments = [rules, "-" if stdin else str(example), "--json"]
    result = CliRunner().invoke(backtest_command, arguments, input=example.read_bytes() if stdin else None)
    assert result.exception is None
    found = json.loads(result.stdout)
    assert (found["events"], found["refused"]) == (3, 0)
    assert [segment["customers"] for segment in found["segments"]] == [1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give files of events, or a published history with --data"),
        (("--data", "ecom", "--silence", "2"), "`2` is not a duration; add a unit: `2d` are days"),
        (("--data", "shop"), "'shop' is not one of"),
    ],
)
def test_mistakes_in_the_call(arguments: tuple[str, ...], says: str) -> None:
    result = backtest(*arguments)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())


def test_bad_lines_are_told_and_left_out(history: str, rules: str, tmp_path: Path) -> None:
    """Those that are no records, and those that are no events, by file and line."""
    path = tmp_path / "bad.jsonl"
    path.write_text('\n{"type": "page"}\n{"topic":"events.tv","value":{}}\n')
    result = backtest(rules, history, str(path), "--json")
    assert json.loads(result.stdout)["events"] == 3
    told = [line for line in result.stderr.splitlines() if line.startswith(f"{path}:")]
    assert [line.split(": ")[0] for line in told] == [f"{path}:2", f"{path}:3"]
    assert "missing_field" in told[0]
    assert "events.tv" in told[1]
    assert "2 bad lines left out, 3 events read" in result.stderr


def test_a_history_without_events_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"topic":"events.web","value":{"type":"page"}}\n')
    error = backtest(str(path)).exception
    assert isinstance(error, StreamprocError)
    assert error.message == f"{path}: no line is an event that is accepted"


OTHER_RULES = RULES.replace("recency > 2d", "recency > 3d").replace("events_total >= 1", "events_total >= 2")


@pytest.fixture
def other_rules(tmp_path: Path) -> str:
    path = tmp_path / "other.yaml"
    path.write_text(OTHER_RULES)
    return str(path)


def test_against_other_rules(history: str, rules: str, other_rules: str) -> None:
    found = json.loads(backtest(rules, history, "--against", other_rules, "--silence", "9d", "--json").stdout)
    assert (found["rules"], found["against"]["rules"]) == ("rules.yaml", "other.yaml")
    quiet, seen = found["differences"]
    assert (quiet["segment"], quiet["customers"], quiet["only_by_rules"], quiet["only_by_against"]) == (
        "quiet", 2, 0, 0,
    )  # fmt: skip
    assert (seen["segment"], seen["customers"], seen["only_by_rules"]) == ("seen", 2, 1)
    example = quiet["examples"][0]
    assert (example["rules"]["inside"], example["against"]["inside"]) == (True, False)
    assert example["against"]["evidence"][0]["feature"] == "recency"
    text = backtest(rules, history, "--against", other_rules, "--silence", "9d").stdout
    assert "only by" in text
    assert "by other.yaml  outside: recency 2d" in text


def test_files_of_one_name_are_told_apart(history: str, rules: str, tmp_path: Path) -> None:
    other = tmp_path / "before" / "rules.yaml"
    other.parent.mkdir()
    other.write_text(OTHER_RULES)
    found = json.loads(backtest(rules, history, "--against", str(other), "--json").stdout)
    assert (found["rules"], found["against"]["rules"]) == (rules, str(other))


def test_a_report_opens_from_disk(history: str, rules: str, other_rules: str, tmp_path: Path) -> None:
    """One file with all tables and pictures, which loads nothing."""
    path = tmp_path / "report.html"
    result = backtest(rules, history, "--against", other_rules, "--report", str(path))
    assert result.exit_code == 0, result.output
    text = path.read_text()
    assert text.startswith("<!doctype html>")
    for title in ("Segments", "Against the other rules", "Who differs, and why", "Sizes"):
        assert f"<h2>{title}" in text
    assert text.count("data:image/svg+xml;base64,") >= 3
    assert "http" not in text.replace("data:image", "")[:2000]


def test_what_rules_say_is_escaped(history: str, tmp_path: Path) -> None:
    rules, path = tmp_path / "<b>.yaml", tmp_path / "report.html"
    rules.write_text(RULES)
    assert backtest(str(rules), history, "--report", str(path)).exit_code == 0
    assert "&lt;b&gt;.yaml" in path.read_text()
    assert "<b>" not in path.read_text()


def test_signals_are_written(history: str, rules: str, tmp_path: Path) -> None:
    path = tmp_path / "signals.jsonl"
    found = json.loads(backtest(rules, history, "--signals", str(path), "--json").stdout)
    signals = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(signals) == found["signals"]
    assert {signal["topic"] for signal in signals} == {"segments.changes", "churn.risk"}


@pytest.mark.parametrize("option", ["--report", "--signals"])
def test_files_that_cannot_be_written_are_told_before_the_replay(
    option: str, history: str, rules: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamproc.cli.replaying.run", None)
    error = backtest(rules, history, option, str(tmp_path / "missing" / "x")).exception
    assert isinstance(error, StreamprocError)
    assert "there is no directory" in error.message


def test_what_is_read_is_not_written_over(history: str, rules: str, tmp_path: Path) -> None:
    for option, path in (("--signals", history), ("--report", rules)):
        error = backtest(rules, history, option, path).exception
        assert isinstance(error, StreamprocError)
        assert error.message.startswith(f"{option} would write over {path}")
    error = backtest(rules, history, "--report", f"{tmp_path}/x", "--signals", f"{tmp_path}/x").exception
    assert isinstance(error, StreamprocError)


def test_rules_without_segments_and_rules_that_do_the_same(history: str, rules: str, tmp_path: Path) -> None:
    none = tmp_path / "none.yaml"
    none.write_text("segments: []\n")
    assert f"{none.name} has none" in backtest(str(none), history).stdout
    same = tmp_path / "same.yaml"
    same.write_text(RULES)
    result = backtest(rules, history, "--against", str(same), "--report", str(tmp_path / "report.html"))
    assert result.exit_code == 0
    assert "; 3 segments are the same for everybody" in result.stdout
    assert "differ" not in result.stdout.splitlines()
