"""A backtest on one process and on several, under one version of the rules and two."""

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import IO

import orjson
import pytest

from streamproc.backtest.compare import Difference
from streamproc.backtest.history import HistoricEvent
from streamproc.backtest.run import Findings, Trial, run
from streamproc.churn.model import load_model
from streamproc.rules.load import load_ruleset
from streamproc.transitions.definitions import Definitions
from tests.reference.compose import call, encode
from tests.unit.backtest.histories import DAY_MS, chronicles_of

START_MS = 20_514 * DAY_MS
WALL_NOW_MS = START_MS + 400 * DAY_MS
RULES = """
segments:
  - {key: seen, name: Seen, version: 1, enter: events_total >= 1}
  - {key: quiet, name: Quiet, version: 1, enter: recency > %dd}
  - {key: often, name: Often, version: 1, enter: events_30d >= %d, group: use, priority: 2}
  - {key: rare, name: Rare, version: 1, enter: events_total >= 1, group: use, priority: 1}
  - {key: held, name: Held, version: 1, enter: events_24h >= 1, min_dwell: %s}
%s
campaigns:
  - {key: wake, name: Wake, version: 1, on: enter quiet,
     channel: email, reason: r, expires_after: 1d, reentry: after 7d}
"""


def events() -> list[HistoricEvent]:
    chance, found = random.Random(5), []
    for number in range(300):
        customer, at_ms = f"u-{chance.randrange(12)}", START_MS + number * 7_200_000
        found.append(
            HistoricEvent("events.web", encode(call("page", customer, at_ms, f"m{number}", name="x")))
        )
    return found


@pytest.fixture
def rules(tmp_path: Path) -> Callable[..., Definitions]:
    def make(quiet_days: int = 2, often: int = 20, dwell: str = "1h", more: str = "") -> Definitions:
        path = tmp_path / f"{quiet_days}{often}{dwell}.yaml"
        path.write_text(RULES % (quiet_days, often, dwell, more))
        return Definitions(load_ruleset(path), load_model(None))

    return make


def trial_of(
    *versions: Definitions,
    partitions: int,
    silence_ms: int = 0,
    signals: Callable[[int], IO[bytes]] | None = None,
) -> Trial:
    chronicles = chronicles_of(events(), versions, WALL_NOW_MS, partitions)
    return Trial(chronicles, partitions, versions, silence_ms, signals)


def tried(*versions: Definitions, partitions: int = 4, processes: int = 1) -> Findings:
    return run(trial_of(*versions, partitions=partitions, silence_ms=3 * DAY_MS), lambda _: None, processes)


def test_several_processes_find_the_same(rules: Callable[..., Definitions]) -> None:
    one, three = (tried(rules(), rules(3, 25), processes=count) for count in (1, 3))
    for findings in (one, three):
        for figures in findings.figures:
            for flow in (*figures.segments.values(), *figures.bands.values()):
                flow.stays_ms.sort()
    assert three == one
    assert one.until_ms == START_MS + 28 * DAY_MS
    assert (one.figures[0].events, one.figures[0].refused) == (300, 0)


def test_figures_do_not_depend_on_partitions(rules: Callable[..., Definitions]) -> None:
    one, many = (tried(rules(), partitions=count).figures[0] for count in (1, 7))
    for figures in (one, many):
        for flow in (*figures.segments.values(), *figures.bands.values()):
            flow.stays_ms.sort()
    assert many == one
    assert one.segments["quiet"].entries.total() > 12


def test_progress_is_told_of_each_version(rules: Callable[..., Definitions]) -> None:
    done: list[int] = []
    run(trial_of(rules(), rules(3), partitions=2), done.append, 2)
    assert sum(done) == 600


def test_the_same_rules_differ_in_nothing(rules: Callable[..., Definitions]) -> None:
    assert tried(rules(), rules()).differences == {}


def differences(findings: Findings, segment: str) -> list[Difference]:
    return findings.differences[segment].told


def test_who_differs_is_explained_by_both(rules: Callable[..., Definitions]) -> None:
    findings = tried(rules(2), rules(3))
    assert set(findings.differences) == {"quiet"}
    assert len(differences(findings, "quiet")) == 3
    for difference in differences(findings, "quiet"):
        mine, theirs = difference.sides
        assert (difference.divergence.moved, difference.divergence.entered) == (0, True)
        assert (mine.inside, theirs.inside, mine.note, theirs.note) == (True, False, "", "")
        (why,), (why_not,) = mine.evidence, theirs.evidence
        assert (why.feature, why.holds, why_not.feature, why_not.holds) == ("recency", True, "recency", False)
        assert why.value == why_not.value


def test_a_place_in_a_group_is_explained(rules: Callable[..., Definitions]) -> None:
    findings = tried(rules(often=20), rules(often=25))
    assert set(findings.differences) == {"often", "rare"}
    for difference in differences(findings, "rare"):
        assert not difference.divergence.entered
        assert difference.sides[0].note == "another segment of its group came first"
        assert difference.sides[1].inside


def test_a_dwell_is_explained(rules: Callable[..., Definitions]) -> None:
    findings = tried(rules(), rules(dwell="36h"))
    told = [one for one in differences(findings, "held") if not one.divergence.entered]
    assert told
    for difference in told:
        assert difference.sides[1].inside
        assert difference.sides[1].note == "is held by its min dwell, or its group"


def test_a_segment_of_one_version_only(rules: Callable[..., Definitions]) -> None:
    more = "  - {key: all, name: All, version: 1, enter: events_total >= 1}"
    findings = tried(rules(), rules(dwell="2h", more=more))
    assert findings.differences["all"].only == [0, 12]
    (first, *_) = differences(findings, "all")
    assert first.sides[0].note == "these rules have no such segment"


def test_a_history_without_events_ends_nowhere(rules: Callable[..., Definitions]) -> None:
    version = rules()
    chronicles = chronicles_of([HistoricEvent("events.web", b"{")], [version], WALL_NOW_MS, 2)
    findings = run(Trial(chronicles, 2, [version], 0), lambda _: None)
    assert (findings.until_ms, findings.figures[0].refused) == (0, 1)
    assert [refused.line for refused in findings.first_refused] == [1]


def test_signals_are_written_by_partition(rules: Callable[..., Definitions], tmp_path: Path) -> None:
    trial = trial_of(
        rules(), rules(3), partitions=3, signals=lambda partition: (tmp_path / str(partition)).open("wb")
    )
    findings = run(trial, lambda _: None, 2)
    lines = [line for path in tmp_path.glob("[0-9]") for line in path.read_bytes().splitlines()]
    assert len(lines) == findings.figures[0].signals
    first = orjson.loads(lines[0])
    assert first["headers"]["ce_id"] == first["value"]["messageId"]
    assert first["key"] == first["value"]["userId"]


def test_an_error_in_a_process_is_an_error(rules: Callable[..., Definitions]) -> None:
    def broken(partition: int) -> io.BytesIO:
        raise OSError(f"no room for {partition}")

    with pytest.raises(RuntimeError, match="no room for"):
        run(trial_of(rules(), partitions=3, signals=broken), lambda _: None, 2)
