"""`streamproc discover`: suggestions, their file, mistakes in words."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from streamproc.cli import discover as module
from streamproc.cli.backtest import backtest_command
from streamproc.cli.discover import discover_command
from streamproc.cli.segments import segments_group
from streamproc.discovery.document import MARK
from streamproc.errors import StreamprocError
from streamproc.state.layout import LAYOUT_VERSION, pack
from streamproc.state.memory_store import MemoryStore
from streamproc.state.store import Commit
from streamproc.windows.table import CustomerTable
from tests.unit.discovery.populations import NOW_MS, customers
from tests.unit.discovery.test_history import at, page
from tests.unit.fitting.histories import line

CUSTOMERS = 700
RULES = """
segments:
  - {key: known, name: Known, version: 1, enter: events_total >= 1}
"""


def track(customer: str, event: str, day: float) -> bytes:
    return line(customer, at(day), event=event)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everybody is here on day 30; who searched much and shared something mostly does not come back."""
    rng = np.random.default_rng(1)
    lines: list[tuple[float, bytes]] = [(69.5, page("last", 69.5))]
    for number in range(CUSTOMERS):
        customer, first = f"c{number:04d}", float(rng.uniform(0, 8))
        searches, shares = int(rng.integers(0, 6)), int(rng.integers(0, 3))
        days = [first, *rng.uniform(first, 30, 8).tolist(), float(rng.uniform(28, 30))]
        names = ["", *["Products Searched"] * searches, *["Product Shared"] * shares]
        names += [""] * (len(days) - len(names))  # so that the number of events tells nothing
        leaves = rng.random() < (0.8 if searches >= 3 and shares >= 1 else 0.25)
        if not leaves:
            days.append(float(rng.uniform(40, 69)))
            names.append("")
        lines += [
            (day, track(customer, name, day) if name else page(customer, day))
            for day, name in zip(days, names, strict=True)
        ]
    path = tmp_path_factory.mktemp("history") / "events.jsonl"
    path.write_bytes(
        b"".join(text.replace(b'"event": null, ', b"").strip() + b"\n" for _, text in sorted(lines))
    )
    return path


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    monkeypatch.setenv("STREAMPROC_RULES", str(path))
    return path


def discover(*arguments: object) -> Result:
    return CliRunner().invoke(discover_command, [str(argument) for argument in arguments])


def error_of(result: Result) -> StreamprocError:
    assert isinstance(result.exception, StreamprocError), result.output
    return result.exception


@pytest.mark.usefixtures("rules")
def test_what_is_planted_is_suggested_and_runs_as_rules(history: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.yaml"
    result = discover(history, "--customers-min", 300, "--out", out)
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    assert "700 customers active in the 30 days before 2022-02-16" in text
    assert "searches_" in text
    assert "written:" in text
    assert out.read_text().startswith(MARK)
    assert CliRunner().invoke(segments_group, ["lint", str(out)]).output.startswith(f"{out}: no problems")
    replayed = CliRunner().invoke(backtest_command, [str(out), str(history), "--json"])
    assert replayed.exit_code == 0, replayed.output
    assert "found_" in replayed.stdout
    before = out.read_bytes()
    assert discover(history, "--customers-min", 300, "--out", out).exit_code == 0  # over the last ones
    assert out.read_bytes() == before


@pytest.mark.usefixtures("rules")
def test_json_has_all_figures(history: Path) -> None:
    found = json.loads(discover(history, "--customers-min", 300, "--json").stdout)
    assert found["target"] == "churn"
    assert found["as_of"] == "2022-02-16T00:00:00.000Z"
    assert found["train"]["customers"] + found["holdout"]["customers"] == found["customers"] == CUSTOMERS
    first = found["suggestions"][0]
    assert first.keys() == {"key", "rule", "train", "holdout", "p", "q", "most_alike"}
    assert "searches_" in first["rule"]
    assert "shares_" in first["rule"]
    assert first["holdout"]["lift"] > 1.2
    assert first["most_alike"]["segment"] == "known"


def test_no_suggestion_is_no_failure(history: Path, rules: Path) -> None:
    """Where the rules have it already."""
    rules.write_text(
        "segments: [{key: planted, name: P, version: 1, enter: searches_total >= 3 and shares_total >= 1}]"
    )
    result = discover(history, "--customers-min", 300)
    assert result.exit_code == 0, result.output
    assert "no group stands out" in " ".join(result.stdout.split())


@pytest.mark.usefixtures("rules")
def test_too_few_customers_are_refused(history: Path) -> None:
    error = error_of(discover(history))
    assert "700 customers" in error.message
    assert "too few" in error.message
    assert "--customers-min" in error.fix


@pytest.mark.usefixtures("rules")
def test_an_outcome_that_nobody_has_is_refused(history: Path) -> None:
    error = error_of(discover(history, "--customers-min", 300, "--target", "order"))
    assert "there are 0 who order in the next 30 days" in error.message


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--as-of", "2022-03-19"), "is not known"),
        (("--as-of", "2021-03-19"), "no event happened before"),
        (("--horizon-days", "300"), "no event happened before"),
    ],
)
def test_dates_that_say_nothing_are_refused(history: Path, options: tuple[str, ...], message: str) -> None:
    assert message in error_of(discover(history, *options)).message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give files of events, or --live"),
        (("--live", "FILE"), "give files of events, or --live"),
        (("--live", "--as-of", "2022-01-01"), "--as-of is for files"),
        (("--live", "--target", "order"), "--live knows no orders to come"),
        (("FILE", "--as-of", "soon"), "is no date"),
    ],
)
def test_mistakes_in_the_call_are_told(history: Path, options: tuple[str, ...], message: str) -> None:
    result = discover(*(history if option == "FILE" else option for option in options))
    assert result.exit_code == 2
    assert message in result.output


def test_no_file_but_suggestions_is_written_over(history: Path, rules: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("mine\n")
    for path, what in ((rules, "the rules in force"), (other, "no file of suggestions")):
        before = path.read_text()
        assert f"exists and is {what}" in error_of(discover(history, "--out", path)).message
        assert path.read_text() == before
    error_of(discover(history, "--out", tmp_path / "nowhere" / "found.yaml"))


@pytest.mark.usefixtures("rules")
def test_bad_lines_are_told_and_left_out(history: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.jsonl"
    spoilt.write_bytes(b'oops\n{"type": "page"}\n' + history.read_bytes())
    result = discover(spoilt, "--customers-min", 300)
    assert result.exit_code == 0, result.output
    assert f"{spoilt}:1: " in result.stderr
    assert f"{spoilt}:2: " in result.stderr
    assert "2 bad lines left out" in result.stderr


@pytest.mark.usefixtures("rules")
def test_files_without_events_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")
    assert "no line is an event" in error_of(discover(tmp_path / "empty.jsonl")).message


@pytest.mark.usefixtures("rules")
def test_live_states_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of customers whose risk has nothing to do with what they did."""
    store = asyncio.run(stored(customers(2_500, 1)))
    monkeypatch.setattr(module, "RedisStore", lambda *args, **options: store)
    found = json.loads(discover("--live", "--json").stdout)
    assert (found["customers"], found["as_of"]) == (2_500, "2024-10-04T00:00:00.000Z")
    assert 0 < found["train"]["mean"] < 1
    assert "no group stands out" in " ".join(discover("--live", "--sample", 2_000).stdout.split())
    assert "too few" in error_of(discover("--live", "--sample", 1_000)).message


async def stored(table: CustomerTable) -> MemoryStore:
    store = MemoryStore()
    head = await store.acquire(
        0, generation=1, member="m", partitions=1, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
    )
    states = list(zip((customer.encode() for customer in table.ids), pack(table), strict=True))
    await store.commit(head, Commit(states=states, time_ms=NOW_MS))
    return store


def test_live_without_customers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RedisStore", lambda *args, **options: MemoryStore())
    assert "no customer with activity" in error_of(discover("--live")).message


@pytest.mark.usefixtures("rules")
def test_the_same_lines_in_another_order_give_the_same(history: Path, tmp_path: Path) -> None:
    """Of several files, too: those of one topic go on where the last one ended."""
    lines = history.read_bytes().splitlines(keepends=True)
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines[:1_000]))
    (tmp_path / "b.jsonl").write_bytes(b"".join(lines[1_000:]))
    parts = discover(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--customers-min", 300, "--json")
    assert json.loads(parts.stdout) == json.loads(discover(history, "--customers-min", 300, "--json").stdout)
