"""`streamproc simulate`, as far as it goes without Kafka. The rest: tests/integration/test_cli_simulate.py."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.cli import simulate
from streamproc.cli.publish import Line, Reader
from streamproc.cli.simulate import simulate_command
from streamproc.cli.validate import validate_command
from streamproc.contracts.meanings import Meanings
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS
from streamproc.errors import StreamprocError
from streamproc.simulate.lives.delivery import Went
from streamproc.simulate.lives.records import EventRecord
from streamproc.transport.brokers import Brokers

ROOT = Path(__file__).parents[3]
SMALL = ["--customers", "30", "--days", "20", "--end", "2026-05-01T12:00:00Z"]
NOBODY = {"STREAMPROC_KAFKA": "127.0.0.1:1"}


def run(*options: str) -> Result:
    """No broker answers."""
    return CliRunner().invoke(simulate_command, options, env=NOBODY)


def read(lines: bytes) -> tuple[int, int]:
    """How many lines `publish` sends, and how many it refuses."""
    numbered = [Line(number, text) for number, text in enumerate(lines.splitlines(), 1)]
    records, problems = Reader(None, Meanings(DEFAULT_MEANINGS, "USD")).read(numbered)
    return len(records), len(problems)


def test_publish_and_validate_take_what_is_written(tmp_path: Path) -> None:
    """All of it; an old file is replaced. How many they are is said apart from the lines."""
    file = tmp_path / "events.jsonl"
    file.write_text("old")
    result = run(*SMALL, "--out", str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    events, refused = read(file.read_bytes())
    assert (events > 100, refused) == (True, 0)
    assert result.stderr.startswith(f"{events:,} events, 2026-04-11T")
    validated = CliRunner().invoke(validate_command, [str(file)])
    assert (validated.exit_code, validated.stdout) == (0, f"{events:,} good, 0 bad\n")


def test_the_same_call_writes_the_same_bytes() -> None:
    """To standard output, without --out or with -; another seed writes others."""
    first = run(*SMALL).stdout_bytes
    assert first == run(*SMALL, "--out", "-").stdout_bytes
    assert first != run(*SMALL, "--seed", "8").stdout_bytes


@pytest.mark.parametrize("events", [1, 777, 2001])
def test_exactly_so_many_events(events: int) -> None:
    """Of as many customers as that takes; also where some come twice, late or broken."""
    options = ["--events", str(events), "--days", "20", "--end", "2026-05-01"]
    shares = ["--late-share", "0.1", "--repeat-share", "0.1", "--malformed-share", "0.1"]
    assert read(run(*options).stdout_bytes) == (events, 0)
    good, refused = read(run(*options, *shares).stdout_bytes)
    assert good + refused == events
    assert (refused > 0) == (events > 1)


def test_the_last_event_is_before_now() -> None:
    """Without --end: a worker under the live clock refuses what is in the future."""
    lines = run("--customers", "100", "--days", "3").stdout_bytes.splitlines()
    latest = max(orjson.loads(text)["value"]["timestamp"] for text in lines)
    now_s = time.time()
    assert latest <= time.strftime("%Y-%m-%dT%H:%M:%S.999Z", time.gmtime(now_s))
    assert latest >= time.strftime("%Y-%m-%d", time.gmtime(now_s - 86_400))


def test_prices_are_in_the_currency() -> None:
    """And orders."""
    result = run(*SMALL, "--currency", "EUR")
    assert b'"revenue"' in result.stdout_bytes
    assert b'"currency":"EUR"' in result.stdout_bytes
    assert b"USD" not in result.stdout_bytes


def test_a_rate_holds_events_back() -> None:
    """40 of them at 100 a second."""
    begin_s = time.monotonic()
    result = run("--events", "40", "--days", "20", "--rate", "100")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 40)
    assert time.monotonic() - begin_s > 0.3


@pytest.mark.parametrize(
    ("options", "message", "fix"),
    [
        (["--live"], "--live", "--kafka"),
        (["--live", "--kafka", "--end", "2026-01-01"], "--end", "leave out --end"),
        (["--kafka", "--out", "x"], "--out", "leave out one"),
        (["--events", "5", "--customers", "5"], "--customers", "--days"),
        (["--end", "yesterday"], "--end: 'yesterday'", "2026-01-31"),
        (["--end", "2026-01-01T12:00:00"], "--end: .* UTC offset", "12:00:00Z"),
        (["--kafka", "--end", "2999-01-01"], "--end 2999-01-01 is in the future", "leave out --end"),
        (["--end", "1970-02-01"], "--days 90 before --end 1970-02-01", "fewer --days"),
        (["--out", "/nowhere/events.jsonl"], "--out /nowhere/events.jsonl", "directory that exists"),
        (["--out", "/dev/full"], "--out /dev/full cannot be written: No space left on device", "make room"),
        (["--kafka"], "no Kafka broker answers", ""),
    ],
)
def test_mistakes_name_the_option_and_the_fix(options: list[str], message: str, fix: str) -> None:
    """Before anything is written."""
    result = run(*options)
    with pytest.raises(StreamprocError, match=message) as raised:
        raise result.exception or AssertionError
    assert fix in raised.value.fix
    assert result.stdout == ""


def test_a_file_is_opened_before_customers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --events that takes as long as the lives themselves."""
    counted: list[int] = []
    monkeypatch.setattr(simulate, "customers_for", lambda _plan, events, _add: counted.append(events) or 1)
    result = run("--events", "5", "--out", "/nowhere/events.jsonl")
    assert isinstance(result.exception, StreamprocError)
    assert not counted
    run("--events", "5", "--days", "2")
    assert counted == [5]


@pytest.mark.parametrize(
    ("output", "exit_code", "said"),
    [
        (">/dev/full", 2, "standard output cannot be written: No space left on device"),
        ("| head -1", 1, ""),
    ],
)
def test_standard_output_that_takes_no_more(output: str, exit_code: int, said: str, tmp_path: Path) -> None:
    """In words, or in none; with no traceback at the end."""
    call = f"{sys.executable} -m streamproc simulate --customers 200 --days 30"
    shell = f"({call} 2>err; echo $? >code) {output}"
    subprocess.run(
        ["sh", "-c", shell], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert (tmp_path / "code").read_text() == f"{exit_code}\n"
    err = (tmp_path / "err").read_text()
    assert said in err
    assert "Traceback" not in err
    assert "ignored" not in err


@pytest.mark.parametrize(
    "options",
    [["--days", "0"], ["--seed", "-1"], ["--rate", "0"], ["--late-share", "1.5"], ["--customers", "0"]],
)
def test_values_out_of_range(options: list[str]) -> None:
    """Exit code 2; the option is named."""
    result = run(*options)
    assert result.exit_code == 2
    assert options[0] in result.stderr


def test_live_events_happen_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """At their rate, with messageIds that no history has; Ctrl-C ends them well."""
    sent: list[EventRecord] = []
    rates: list[float | None] = []

    async def to_kafka(
        records: Iterator[EventRecord], rate: float | None, _brokers: Brokers, _prefix: str, went: Went
    ) -> None:
        rates.append(rate)
        for record in islice(records, 500):
            sent.append(record)
            went([record])
        raise KeyboardInterrupt

    monkeypatch.setattr("streamproc.cli.simulate.to_kafka", to_kafka)
    begin_ms = time.time_ns() // 1_000_000
    result = run("--live", "--kafka", "--customers", "20")
    assert (result.exit_code, rates) == (0, [20.0])
    assert result.stderr.startswith("500 events, ")
    assert all(begin_ms <= record.ts_ms <= time.time_ns() // 1_000_000 for record in sent)
    assert all(orjson.loads(record.value)["messageId"].startswith("live-") for record in sent)


def test_orders_that_the_rules_would_not_count_are_announced() -> None:
    """With Kafka, where the rules are known."""
    result = run("--kafka", "--currency", "EUR")
    assert "orders are in EUR, and the rules count USD only" in result.stderr


def test_help_shows_examples() -> None:
    """And what a run writes."""
    help_text = run("--help").stdout
    assert "streamproc simulate --live --kafka --rate 50" in help_text
    assert "--malformed-share" in help_text


def test_an_interruption_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def to_file(records: Iterator[EventRecord], _rate: object, _file: object, went: Went) -> None:
        went(list(islice(records, 70)))
        raise KeyboardInterrupt

    monkeypatch.setattr("streamproc.cli.simulate.to_file", to_file)
    result = run("--customers", "20", "--out", str(tmp_path / "events.jsonl"))
    assert result.exit_code == 1
    assert result.stderr.startswith("interrupted: 70 events are out")
