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
    result = backtest(history, "--rules", rules, "--silence", "3d")
    assert result.exit_code == 0
    first, _, *rows = [line.split() for line in result.stdout.splitlines()]
    assert first == ["3", "events,", "until", "2026-03-12T00:00:00.000Z"]
    assert [row[:6] for row in rows] == [
        ["seen", "2", "2", "0", "2", "2"],
        ["quiet", "2", "3", "1", "2", "2"],
        ["bought", "0", "0", "0", "0", "0"],
    ]


def test_json_has_the_sizes_by_day(history: str, rules: str) -> None:
    found = json.loads(backtest(history, "--rules", rules, "--silence", "3d", "--json").stdout)
    assert (found["events"], found["refused"], found["until"]) == (3, 0, "2026-03-12T00:00:00.000Z")
    quiet = found["segments"][1]
    assert (quiet["key"], quiet["version"], quiet["at_the_end"]) == ("quiet", 1, 2)
    assert quiet["sizes"] == {"2026-03-04": 1, "2026-03-07": 2, "2026-03-08": 1, "2026-03-10": 2}


def test_a_picture_is_drawn(history: str, rules: str, tmp_path: Path) -> None:
    path = tmp_path / "sizes.png"
    assert backtest(history, "--rules", rules, "--plot", str(path)).exit_code == 0
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
    monkeypatch.setattr("streamproc.cli.backtest.Replay", None)
    error = backtest(history, "--plot", str(tmp_path / name)).exception
    assert isinstance(error, StreamprocError)
    assert message in error.message
    assert fix in error.fix


def test_a_picture_without_matplotlib_is_told_before_the_replay(
    history: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamproc.cli.backtest.Replay", None)
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backend_bases"):
        monkeypatch.setitem(sys.modules, name, None)
    error = backtest(history, "--plot", "sizes.png").exception
    assert isinstance(error, StreamprocError)
    assert "streamproc[science]" in error.fix
    assert "streamproc[science]" in " ".join(backtest("--help").stdout.split())


def test_a_disk_that_is_full_is_told(history: str, rules: str, tmp_path: Path) -> None:
    (tmp_path / "sizes.png").symlink_to("/dev/full")
    error = backtest(history, "--rules", rules, "--plot", str(tmp_path / "sizes.png")).exception
    assert isinstance(error, StreamprocError)
    assert error.message.endswith("No space left on device")
    assert "make room" in error.fix


@pytest.mark.parametrize("stdin", [False, True])
def test_plain_events(stdin: bool, rules: str) -> None:
    """What `publish --topic web` takes, from a file or a pipe."""
    example = ROOT / "examples" / "events.jsonl"
    arguments = ["--topic", "web", "--rules", rules, "--json", "-" if stdin else str(example)]
    result = CliRunner().invoke(backtest_command, arguments, input=example.read_bytes() if stdin else None)
    assert result.exception is None
    found = json.loads(result.stdout)
    assert (found["events"], found["refused"]) == (3, 0)
    assert [segment["customers"] for segment in found["segments"]] == [1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give files, or a published history with --data"),
        (("--data", "ecom", "--silence", "2"), "`2` is not a duration; add a unit: `2d` are days"),
        (("--data", "shop"), "'shop' is not one of"),
    ],
)
def test_mistakes_in_the_call(arguments: tuple[str, ...], says: str) -> None:
    result = backtest(*arguments)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())


def test_a_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('\n{"type": "page"}\n')
    error = backtest(str(path)).exception
    assert isinstance(error, StreamprocError)
    assert error.message.startswith(f"{path}:2: ")
    assert "--topic web" in error.fix
    error = CliRunner().invoke(backtest_command, ["-"], input='{"type": "page"}').exception
    assert isinstance(error, StreamprocError)
    assert error.message.startswith("<stdin>:1: ")


def test_a_history_without_events_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"topic":"events.web","value":{"type":"page"}}\n')
    error = backtest(str(path)).exception
    assert isinstance(error, StreamprocError)
    assert error.message == "none of the lines is an event that is accepted (1 read)"
