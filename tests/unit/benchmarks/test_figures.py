"""What the benchmarks make of what they saw, as far as no server is needed."""

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench import Spread, packaged, rotated, spread
from benchmarks.latency import latencies
from benchmarks.population import history, live
from benchmarks.progress import Figures, Progress
from benchmarks.report import report
from benchmarks.results import Results, load, save
from benchmarks.rule_cost import definitions_of, made_rules
from benchmarks.sanity import mistakes
from benchmarks.targets import TARGETS, judge
from benchmarks.throughput import DrawFigures, Throughput, catch_up_s
from benchmarks.timers import storm_of
from benchmarks.traffic import Timed
from benchmarks.worker_run import RunFailed, Sight, WorkerFigures, check_counts, worker_figures
from benchmarks.workload import draw, name, of_partitions
from streamproc.transport.partitioner import partition_of

NOW_MS = 1_790_000_000_000


def run(per_cpu_s: float) -> WorkerFigures:
    return WorkerFigures(
        events=1000, s=1.0, cpu_s=1000 / per_cpu_s, redis_cpu_s=0.1, kafka_cpu_s=0.1, signals_per_event=0.1,
        commits=1, resident_mb=100,
    )  # fmt: skip


def throughput(ours: list[float], fetch: list[float]) -> Results:
    others = {"fetch": [Figures("fetch", 1000, 1.0, 1000 / rate) for rate in fetch]}
    workers = {"settled": [run(rate) for rate in ours], "fresh": [run(1.0)]}
    draws = {"uniform": DrawFigures(workers, others)}
    return Results(throughput=Throughput(1, 1, 1, 1, "settled", draws))


def verdicts(results: Results, known: dict[str, str] | None = None) -> dict[str, str]:
    return {one.target.key: one.verdict for one in judge(results, known or {})}


def test_a_ratio_is_made_within_each_repetition_and_the_median_counts() -> None:
    results = throughput([20, 10, 90], fetch=[100, 100, 300])
    assert results.throughput is not None
    assert results.throughput.draws["uniform"].ratio("settled", "fetch") == Spread(0.2, 0.1, 0.3)


@pytest.mark.parametrize(("ours", "verdict"), [(10, "missed"), (16, "met"), (30, "stretch")])
def test_a_target_is_judged_on_the_population_of_the_headline(ours: float, verdict: str) -> None:
    found = verdicts(throughput([ours], fetch=[100]))
    assert found["fetch-uniform"] == verdict
    assert found["fetch-zipf"] == found["latency"] == "not measured"


def test_a_known_miss_is_told_with_its_reason_and_one_that_is_no_more_too() -> None:
    known = {"fetch-uniform": "the disk"}
    (miss,) = (one for one in judge(throughput([10], [100]), known) if one.found)
    assert (miss.verdict, miss.reason) == ("known miss", "the disk")
    (met,) = (one for one in judge(throughput([20], [100]), known) if one.found)
    assert met.verdict == "met"
    assert "need not be" in met.reason


def test_targets_have_different_keys() -> None:
    assert len({target.key for target in TARGETS}) == len(TARGETS)


def test_runs_too_short_to_be_measured_do_not_count() -> None:
    assert spread([math.nan, 2.0, 4.0]) == Spread(3.0, 2.0, 4.0)
    assert spread([math.nan]) is None


def test_catching_up_takes_what_is_left_beside_the_input() -> None:
    assert catch_up_s(20_000, backlog_s=60, input_per_s=5_000) == 20
    assert catch_up_s(5_000, backlog_s=60, input_per_s=5_000) == math.inf


def test_the_order_moves_on_with_each_repetition() -> None:
    assert [rotated("abc", by) for by in range(4)] == [list("abc"), list("bca"), list("cab"), list("abc")]


def sight(done: int, s: float, waiting: int = 0, ready: bool = True) -> Sight:
    return Sight(Progress(done, s, s / 2), s / 4, s / 8, waiting, ready)


def test_a_worker_is_measured_until_its_signals_are_sent() -> None:
    sights = [
        sight(0, 0),
        sight(100, 1, 5),
        sight(950, 5, 40),
        sight(1000, 6, 40),
        sight(1000, 9, 5),
        sight(1000, 10),
    ]
    found = worker_figures(sights, 1000, [], memory_mb=1)
    assert (found.events, found.s, found.cpu_s, found.redis_cpu_s) == (900, 8, 4, 2)


def test_several_workers_are_measured_once_they_have_shared_out_the_partitions() -> None:
    sights = [
        sight(0, 0, ready=False),
        sight(300, 1, ready=False),
        sight(400, 2),
        sight(960, 4),
        sight(1000, 5),
    ]
    found = worker_figures(sights, 1000, [], memory_mb=1)
    assert (found.events, found.s) == (560, 2)


def test_a_worker_that_did_not_do_its_work_has_no_figures() -> None:
    right = {
        'streamproc_events_accepted_total{topic="a"}': 6.0,
        'streamproc_events_accepted_total{topic="b"}': 4.0,
    }
    check_counts([right], 10)
    with pytest.raises(RunFailed, match="accepted"):
        check_counts([right], 11)
    with pytest.raises(RunFailed, match="swept"):
        check_counts([{**right, "streamproc_swept_customers_total": 5.0}], 10)
    with pytest.raises(RunFailed, match="3 signals were made and 0 sent"):
        check_counts([{**right, 'streamproc_signals_total{topic="x",kind="y",key="z"}': 3.0}], 10)


def timed(took_s: list[float], missing: int = 0, span_s: float = 1.0) -> Timed:
    return Timed([float(i) for i in range(len(took_s))], took_s, missing, 100, span_s, 0.0)


@pytest.mark.parametrize(
    ("seen", "kept_up"),
    [
        (timed([0.01] * 100), True),
        (timed([0.01] * 100, missing=1), False),
        (timed([0.01] * 100, span_s=1.1), False),
        (timed([0.01 * i for i in range(100)]), False),  # later and later
    ],
)
def test_a_rate_is_kept_if_all_is_sent_in_time_and_all_comes_no_later_at_the_end(
    seen: Timed, kept_up: bool
) -> None:
    assert latencies(seen, per_s=100).kept_up is kept_up


def test_a_storm_lasts_until_no_more_signals_wait_than_before() -> None:
    seen = timed([0.01] * 10 + [0.5] * 12 + [0.02] * 8)
    found = storm_of(seen, [sight(0, s, waiting=9 if 10 <= s < 21.5 else 2) for s in range(30)], due_s=10)
    assert found is not None
    assert (found.before_p50_s, found.during_p50_s, found.lasted_s, found.during_count) == (0.01, 0.5, 12, 12)


def test_some_partitions_of_a_draw() -> None:
    who = draw("uniform", customers=500, events=2000, seed=1)
    kept = of_partitions(who, 500, partitions=4, kept=[1, 3])
    assert kept == [number for number in who if partition_of(name(number).encode(), 4) in (1, 3)]


def test_a_cycle_gives_nobody_a_second_event_before_everybody_has_one() -> None:
    who = np.array(draw("cycle", customers=100, events=250, seed=1))
    assert len(set(who[:100])) == len(set(who[100:200])) == 100


async def test_made_rules_are_rules_and_divide_the_customers() -> None:
    sample = await live(packaged(), history("settled", 8, NOW_MS), NOW_MS, step_ms=86_400_000)
    few, many = (definitions_of(made_rules(number, sample)).ruleset.segments for number in (12, 100))
    assert (len(few), len(many)) == (12, 100)
    assert [segment.enter for segment in few] == [segment.enter for segment in many[:12]]


async def test_lives_are_left_as_a_worker_leaves_them() -> None:
    definitions = packaged()
    lives = await live(definitions, history("fresh", 8, NOW_MS), NOW_MS, step_ms=86_400_000)
    assert lives.head.time_ms == NOW_MS
    assert lives.head.extra["swept"] == f"{definitions.fingerprint:08x}".encode()
    assert all(minute * 60_000 + 59_000 >= NOW_MS for due in lives.due for minute, _ in due)
    assert any(lives.due)


def test_results_survive_their_file_and_make_a_page(tmp_path: Path) -> None:
    results = throughput([20], fetch=[100])
    save(results, tmp_path / "assets" / "bench.json")
    assert load(tmp_path / "assets" / "bench.json") == results
    page = report(results)
    assert "| uniform draw ÷ bare aiokafka fetch loop | ≥ 0.16, stretch 0.25 | 0.200 | **met**" in page
    assert "$" not in page.replace("$0", "")
    assert "latency was not measured" in mistakes(results)
