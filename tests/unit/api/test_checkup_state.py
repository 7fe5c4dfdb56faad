"""Findings about the state, against the topics."""

from dataclasses import replace

import pytest

from streamproc.api.checkup import CHECKS, Finding
from streamproc.api.checkup_state import ShardFacts, judge_shards
from streamproc.state.layout import LAYOUT_VERSION
from tests.unit.api import customers

NOW_MS = 1_790_000_000_000
HEAD = replace(customers.HEAD, partitions=4, time_ms=NOW_MS - 500, offsets={"events.web": 50})
FACTS = ShardFacts(0, HEAD, 0, {"events.web": (10, 60), "events.app": (0, 0)})


def bad(findings: list[Finding]) -> list[Finding]:
    assert {finding.check for finding in findings} <= set(CHECKS)
    return [finding for finding in findings if finding.level != "ok"]


def test_a_sound_shard() -> None:
    found = list(judge_shards([FACTS], 4, NOW_MS, live=True))
    assert bad(found) == []
    assert found[-1].text == "1 shards, 10 records to be read"


def test_no_state_yet() -> None:
    (finding,) = judge_shards([replace(FACTS, head=None)], 4, NOW_MS, live=True)
    assert finding.level == "ok"
    assert "no worker" in finding.text


@pytest.mark.parametrize(
    ("facts", "level", "names"),
    [
        (replace(FACTS, head=replace(HEAD, layout=LAYOUT_VERSION - 1)), "wrong", "layout"),
        (replace(FACTS, head=replace(HEAD, partitions=12)), "wrong", "12 partitions"),
        (replace(FACTS, bounds={"events.web": (57, 60)}), "wrong", "7 records of events.web"),
        (replace(FACTS, bounds={"events.web": (0, 3)}), "wrong", "ends at 3"),
        (replace(FACTS, outbox_records=20_000), "warning", "20,000 signals"),
        (replace(FACTS, head=replace(HEAD, time_ms=NOW_MS - 3_600_000)), "warning", "3,600 s behind"),
    ],
)
def test_what_is_wrong_with_a_shard(facts: ShardFacts, level: str, names: str) -> None:
    (finding,) = bad(list(judge_shards([facts], 4, NOW_MS, live=True)))
    assert (finding.level, finding.about) == (level, "shard 0")
    assert names in finding.text
    assert finding.fix


def test_history_is_not_behind() -> None:
    facts = replace(FACTS, head=replace(HEAD, time_ms=0))
    assert bad(list(judge_shards([facts], 4, NOW_MS, live=False))) == []


def test_losses_of_redis_are_told() -> None:
    *_, finding = judge_shards([replace(FACTS, head=replace(HEAD, rewinds=2))], 4, NOW_MS, live=True)
    assert "2 times" in finding.text


def test_many_late_shards_are_one_finding() -> None:
    """A worker that is down stops several."""
    late = [
        replace(FACTS, head=replace(HEAD, partition=p, time_ms=NOW_MS - 90_000 * (p + 1))) for p in range(3)
    ]
    (finding,) = bad(list(judge_shards(late, 4, NOW_MS, live=True)))
    assert (finding.check, finding.about) == ("state.time", "3 shards")
    assert "270 s behind (shard 2)" in finding.text


def test_a_worker_whose_clock_is_ahead() -> None:
    facts = replace(FACTS, head=replace(HEAD, time_ms=NOW_MS + 42_000))
    (finding,) = bad(list(judge_shards([facts], 4, NOW_MS, live=True)))
    assert finding.check == "clocks.workers"
    assert "42.0 s ahead" in finding.text


@pytest.mark.parametrize(("mark", "levels"), [(b"same", ["ok"]), (b"other", ["warning"]), (None, [])])
def test_rules_in_force_against_those_of_the_file(mark: bytes | None, levels: list[str]) -> None:
    facts = replace(FACTS, head=replace(HEAD, extra={"in_force": b"same"}))
    found = judge_shards([facts], 4, NOW_MS, live=True, in_force=mark)
    assert [finding.level for finding in found if finding.check == "state.rules"] == levels
