"""`streamproc cutoffs`: values, what changes, what stays, and mistakes in words."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import cutoffs as module
from streamproc.cli.cutoffs import cutoffs_command
from streamproc.errors import StreamprocError
from streamproc.rules.cutoff_values import load_cutoffs
from streamproc.settings import Settings
from streamproc.state.memory_store import MemoryStore
from tests.unit.fitting.histories import DAY_MS, FIRST_DAY, line
from tests.unit.fitting.test_living import TODAY, stored

RULES = """
cutoffs:
  busy: {feature: orders_total, quantile: 80%, fixed: 50}
  rich: {feature: money_90d, quantile: 80%, fixed: 200 USD}
  pinned: {feature: orders_total, fixed: 3}
segments:
  - {key: busy, name: Busy, version: 1, enter: orders_total >= busy, exit: orders_total < busy.low}
  - {key: rich, name: Rich, version: 1, enter: money_90d >= rich, exit: money_90d < rich.low}
  - {key: some, name: Some, version: 1, enter: orders_total >= pinned, exit: orders_total < pinned.low}
"""
CLEAN = dict.fromkeys(("STREAMPROC_RULES", "STREAMPROC_CUTOFFS", "STREAMPROC_MODEL"))
CUSTOMERS = 300


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Customer n has n % 10 + 1 orders, one a day, until the last day."""
    path = tmp_path_factory.mktemp("history") / "events.jsonl"
    lines = [(FIRST_DAY + 10 - order, f"c{n:03d}") for n in range(CUSTOMERS) for order in range(n % 10 + 1)]
    path.write_bytes(
        b"".join(line(customer, day * DAY_MS, properties={"total": 5}) for day, customer in sorted(lines))
    )
    return path


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def run(*arguments: object, **variables: str) -> Result:
    env = {**CLEAN, **{f"STREAMPROC_{name.upper()}": value for name, value in variables.items()}}
    return CliRunner().invoke(cutoffs_command, [str(argument) for argument in arguments], env=env)


def test_values_out_of_a_history(history: Path, rules: Path, tmp_path: Path) -> None:
    """The fixed one gives way; what too few are known of stays; who would change is told."""
    out = tmp_path / "cutoffs.json"
    result = run(history, "--rules", rules, "-o", out)
    assert result.exit_code == 0, result.output
    found = load_cutoffs(out)
    assert {name: value.value for name, value in found.cutoffs.items()} == {"busy": "8"}
    assert (found.sampled, found.active_days, found.source) == (CUSTOMERS, 90, str(history))
    assert found.created.startswith("2022-01-18T00:00:01")
    rows = {words[0]: words[1:] for words in (row.split() for row in result.stdout.splitlines()) if words}
    assert rows["busy"][:10] == ["80%", "of", "orders_total", "fixed", "50", "8", "30.0%", "300", "±7.8%"]
    for told in (
        "300 customers looked at, 300 of them active in the last 90 days",
        "rich stays: 200 customers are needed, and there are 0",
        "90 of 300 customers change segments",
        "  busy: 90 come in, 0 go",
        f"({found.version})",
        f"put it live: STREAMPROC_CUTOFFS={out}",
    ):
        assert told in result.stdout
    assert list(tmp_path.glob(".*")) == []


def test_a_second_sample_changes_nothing(history: Path, rules: Path, tmp_path: Path) -> None:
    out = tmp_path / "cutoffs.json"
    assert run(history, "--rules", rules, "-o", out).exit_code == 0
    first = load_cutoffs(out)
    again = run(history, "-o", out, "--json", "--sample", 250, rules=str(rules), cutoffs=str(out))
    assert again.exit_code == 0, again.output
    assert load_cutoffs(out).version == first.version
    told = json.loads(again.stdout)
    assert (told["version"], told["customers"], told["evaluated"], told["moved"]) == (
        first.version, 250, CUSTOMERS, 0,
    )  # fmt: skip
    busy = told["cutoffs"][0]
    assert (busy["name"], busy["value"], busy["value_before"], busy["source_before"]) == (
        "busy",
        8,
        8,
        "sampled",
    )


def test_too_few_write_nothing(history: Path, rules: Path, tmp_path: Path) -> None:
    """The fixed ones stay in force, and that is no failure: a timetable may ask before there are customers."""
    few = tmp_path / "few.jsonl"
    few.write_bytes(b"".join(history.read_bytes().splitlines(keepends=True)[:50]))
    out = tmp_path / "cutoffs.json"
    result = run(few, "--rules", rules, "-o", out)
    assert result.exit_code == 0, result.output
    assert "nothing written: the fixed cut-offs stay in force" in result.stdout
    assert not out.exists()


def test_bad_lines_are_told_and_left_out(history: Path, rules: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b"{\n" + history.read_bytes() + b'{"type":"track"}\n')
    result = run(bad, "--rules", rules, "-o", tmp_path / "cutoffs.json")
    assert result.exit_code == 0, result.output
    assert "bad.jsonl:1: " in result.stderr
    assert "2 bad lines left out" in result.stderr


async def _store(days: list[list[int]]) -> MemoryStore:
    return await stored(days, TODAY * DAY_MS)


def test_live_states(rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a running group: the states are only read."""
    rules.write_text(RULES.replace("orders_total", "active_days_total"))
    store = asyncio.run(_store([[TODAY - 1 - day for day in range(n % 10 + 1)] for n in range(CUSTOMERS)]))
    monkeypatch.setattr(module, "RedisStore", lambda *_, **__: store)
    out = tmp_path / "cutoffs.json"
    result = run("--live", "-o", out, rules=str(rules))
    assert result.exit_code == 0, result.output
    assert load_cutoffs(out).cutoffs["busy"].value == "8"
    assert load_cutoffs(out).source == "live states"


def test_mistakes_of_the_call(history: Path, rules: Path, tmp_path: Path) -> None:
    out = tmp_path / "cutoffs.json"
    assert "give files of events, or --live" in run("-o", out).stderr
    assert "give files of events, or --live" in run(history, "--live", "-o", out).stderr
    nowhere = run(history, "--rules", rules, "-o", tmp_path / "no" / "cutoffs.json").exception
    assert isinstance(nowhere, StreamprocError)
    assert "there is no directory" in nowhere.message
    playbook = run(history, "-o", out).exception
    assert isinstance(playbook, StreamprocError)
    assert "has no cut-off with a `quantile`" in playbook.message
    assert Settings().cutoffs_path is None


def test_a_history_without_events_is_an_error(rules: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b'{"type":"track"}\n')
    error = run(empty, "--rules", rules, "-o", tmp_path / "cutoffs.json").exception
    assert isinstance(error, StreamprocError)
    assert "no line is an event that is accepted" in error.message
