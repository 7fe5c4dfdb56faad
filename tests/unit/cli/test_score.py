"""`streamproc score`: risks as of past dates, one JSON object a line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from streamproc.churn.model import encode_model, load_model
from streamproc.cli.score import as_of, score_command
from streamproc.errors import StreamprocError
from tests.unit.fitting.histories import DAY_MS, FIRST_DAY, line

#: FIRST_DAY is 2022-01-08.
EVENTS = b"".join(
    line(customer, (FIRST_DAY + day) * DAY_MS)
    for customer, days in {"late": [40], "often": range(0, 30, 3), "once": [0]}.items()
    for day in days
)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_bytes(EVENTS)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(score_command, [str(argument) for argument in arguments], catch_exceptions=True)


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(row) for row in result.stdout.splitlines()]


def test_everybody_seen_before_a_date_has_a_risk(events: Path) -> None:
    found = rows(run(events, "--as-of", "2022-01-09", "--as-of", "2022-03-08"))
    assert [(row["customer_id"], row["as_of"]) for row in found] == [
        ("often", "2022-01-09"), ("once", "2022-01-09"),
        ("late", "2022-03-08"), ("often", "2022-03-08"), ("once", "2022-03-08"),
    ]  # fmt: skip
    assert all(row.keys() == {"customer_id", "as_of", "risk"} and 0 < row["risk"] < 1 for row in found)
    risk = {row["customer_id"]: row["risk"] for row in found[2:]}
    assert risk["once"] > risk["late"] > risk["often"]


@pytest.mark.parametrize(
    "dates",
    [
        ("--as-of", "2022-02-01", "2022-03-01T10:00:00+02:00"),
        ("--as-of", "2022-02-01,2022-03-01T10:00:00+02:00"),
        ("--as-of", "2022-02-01", "--as-of", "2022-03-01T10:00:00+02:00"),
    ],
)
def test_several_dates_may_follow_one_option(events: Path, dates: tuple[str, ...]) -> None:
    for arguments in ((events, *dates), (*dates, "--topic", "web", events)):
        found = rows(run(*arguments))
        assert list(dict.fromkeys(row["as_of"] for row in found)) == [
            "2022-02-01",
            "2022-03-01T10:00:00+02:00",
        ]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2022-01-08", FIRST_DAY * DAY_MS),
        ("2022-01-08T06:00", FIRST_DAY * DAY_MS + 6 * 3_600_000),
        ("2022-01-08T06:00:00.5Z", FIRST_DAY * DAY_MS + 6 * 3_600_000 + 500),
        ("2022-01-08T06:00+06:00", FIRST_DAY * DAY_MS),
    ],
)
def test_dates_are_utc_unless_they_say_otherwise(text: str, at: int) -> None:
    assert as_of(text).at_ms == at


def test_a_date_is_its_first_moment(events: Path) -> None:
    assert rows(run(events, "--as-of", "2022-01-08")) == []
    assert rows(run(events, "--as-of", "2022-01-08T00:00:01"))


def test_before_the_first_event_nobody_is_printed_and_it_says_so(events: Path) -> None:
    result = run(events, "--as-of", "2001-01-01")
    assert rows(result) == []
    assert "2001-01-01: 0 customers: no event is before it" in result.stderr


def test_no_date_is_a_mistake(events: Path) -> None:
    result = run(events, "--as-of", "tomorrow")
    assert result.exit_code == 2
    assert "'tomorrow' is no date: write it like 2026-01-31" in result.stderr
    assert run(events).exit_code == 2


def test_the_summary_is_on_standard_error_and_can_be_left_out(events: Path) -> None:
    told = run(events, "--as-of", "2022-03-08")
    assert told.stderr.splitlines() == [
        "12 events of 3 customers; model cdnow-1, 90 days",
        "2022-03-08: 3 customers; the last activity is of 2022-02-17: all is silence since",
    ]
    alone = run(events, "--as-of", "2022-03-08", "--json")
    assert (alone.stdout, alone.stderr) == (told.stdout, "")


def test_bad_lines_are_told_and_left_out(tmp_path: Path, events: Path) -> None:
    spoilt = tmp_path / "spoilt.jsonl"
    spoilt.write_bytes(b'{"type":"track"}\n' + EVENTS + b"\xff\n")
    result = run(spoilt, "--as-of", "2022-03-08")
    assert rows(result) == rows(run(events, "--as-of", "2022-03-08"))
    assert f"{spoilt}:1: " in result.stderr
    assert f"{spoilt}:14: " in result.stderr
    assert "2 bad lines left out, 12 events read" in result.stderr


def test_a_file_without_events_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(b"\n")
    error = run(tmp_path / "e", "--as-of", "2022-03-08").exception
    assert isinstance(error, StreamprocError)
    assert "no line is an event" in error.message


def test_the_models_own_horizon_and_another_one(tmp_path: Path, events: Path) -> None:
    own = rows(run(events, "--as-of", "2022-03-08"))
    assert rows(run(events, "--as-of", "2022-03-08", "--horizon-days", 90)) == own
    result = run(events, "--as-of", "2022-03-08", "--horizon-days", 30)
    assert all(
        row["risk"] > other["risk"]
        for row, other in zip(rows(result), own, strict=True)
        if row["customer_id"] != "x"
    )
    assert "fitted for 90 days: for 30 its P0 is used alone" in result.stderr

    packaged = load_model(None)
    assert packaged.sc5 is not None
    rule = msgspec.structs.replace(packaged, p0=None, sc5=msgspec.structs.replace(packaged.sc5, w1=0.0))
    (tmp_path / "rule.json").write_bytes(encode_model(rule))
    error = run(
        events, "--as-of", "2022-03-08", "--model", tmp_path / "rule.json", "--horizon-days", 30
    ).exception
    assert isinstance(error, StreamprocError)
    assert "knows 90 days only" in error.message


def test_the_model_of_the_settings_is_used(
    tmp_path: Path, events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = msgspec.structs.replace(load_model(None), version="other-1", horizon_days=10)
    (tmp_path / "other.json").write_bytes(encode_model(other))
    monkeypatch.setenv("STREAMPROC_MODEL", str(tmp_path / "other.json"))
    result = run(events, "--as-of", "2022-03-08")
    assert "model other-1, 10 days" in result.stderr
    assert rows(result) == rows(run(events, "--as-of", "2022-03-08", "--model", tmp_path / "other.json"))


def test_it_needs_no_extra() -> None:
    """Neither does any other command: scipy and matplotlib are imported by `fit` alone, when it runs."""
    code = (
        "import sys; from click import Context; from streamproc.cli.group import group;"
        "[group.get_command(Context(group), name) for name in group.list_commands(Context(group))];"
        "sys.exit(any(name in sys.modules for name in ('scipy', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
