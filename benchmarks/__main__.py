"""Measure, and write docs/performance.md, docs/assets/bench.json and docs/assets/bench.png: `make bench`.

    python -m benchmarks --only throughput --quick     # the ratio to the fetch loop, in about two minutes
    python -m benchmarks --only latency --into docs    # put one part of the page anew

A run exits with 1 if a target is missed that is not in targets.KNOWN_MISSES, unless it is --quick or --smoke. What is
measured in part, quickly or as a smoke test goes to --into, by default .cache/benchmarks.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

from rich.console import Console
from rich.table import Table

from benchmarks.bench import Bench, packaged
from benchmarks.environment import ROOT, environment
from benchmarks.peers import run as peers
from benchmarks.plot import plot
from benchmarks.population import Kind
from benchmarks.report import report, shown
from benchmarks.results import MEASUREMENTS, Results, load, save
from benchmarks.sanity import mistakes
from benchmarks.sizes import FULL, QUICK, SMOKE, Sizes
from benchmarks.stage import open_stage
from benchmarks.targets import Judged, judge

_ASIDE: Final = ROOT / ".cache" / "benchmarks"
#: Measurements side by side in a smoke run.
_SMOKE_AT_ONCE: Final = 3


class Talk:
    """Lines with the time passed, and what is left of what was expected."""

    def __init__(self, expected_s: dict[str, int]) -> None:
        self._expected_s, self._began_s, self._now = dict(expected_s), time.monotonic(), ""
        self._now_s = self._began_s

    def begin(self, measurement: str) -> None:
        """A measurement begins; the one before is over."""
        self._expected_s.pop(self._now, None)
        self._now, self._now_s = measurement, time.monotonic()
        self.say(f"{measurement} begins")

    def say(self, line: str) -> None:
        """Say how far it is."""
        now_s = time.monotonic()
        now_expected_s = self._expected_s.get(self._now, sum(self._expected_s.values()))
        left_s = sum(self._expected_s.values()) - min(now_expected_s, int(now_s - self._now_s))
        print(f"[{minutes(now_s - self._began_s)}, about {minutes(left_s)} left] {line}", flush=True)


def minutes(s: float) -> str:
    """As people read it."""
    return f"{int(s) // 60}:{int(s) % 60:02d}"


async def measure(bench: Bench, talk: Talk, names: Sequence[str], kept: Path) -> Results:
    """Make some measurements, one by one; each is kept as soon as it is there."""
    results = load(kept)
    for name in names:
        talk.begin(name)
        setattr(results, name, await MEASUREMENTS[name](bench))
        results.environments[name] = environment()
        save(results, kept)
    return results


async def smoke(bench: Bench, names: Sequence[str]) -> Results:
    """All code, on servers that are shared, several measurements at a time: the figures mean nothing."""
    turns = asyncio.Semaphore(_SMOKE_AT_ONCE)

    async def one(name: str, stage_bench: Bench) -> object:
        async with turns:
            return await MEASUREMENTS[name](stage_bench)

    # The longest first.
    names = sorted(names, key=lambda name: -bench.sizes.expected_s[name])
    with open_stage() as stage:
        shared = Bench(bench.sizes, bench.definitions, bench.say, bench.headline, stage)
        async with asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(one(name, shared)) for name in names}
    results = Results(environments=dict.fromkeys(names, environment()))
    for name, task in tasks.items():
        setattr(results, name, task.result())
    return results


def show(judged: Sequence[Judged], width: int = 150) -> None:
    """The targets, as they were reached."""
    rows = Table("figure", "target", "measured", "", box=None)
    for one in judged:
        verdict = f"{one.verdict}: {one.reason}" if one.reason else one.verdict
        rows.add_row(one.target.what, one.target.bound, shown(one.found, one.target.decimals), verdict)
    Console(width=width).print(rows)


def write(results: Results, folder: Path) -> None:
    """The page, its figures and its plot."""
    save(results, folder / "assets" / "bench.json")
    (folder / "performance.md").write_text(report(results))
    if results.throughput is not None:
        plot(results.throughput, folder / "assets" / "bench.png")
    print(f"written: {folder / 'performance.md'}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[*MEASUREMENTS, "peers"],
        metavar="NAME",
        help=", ".join(MEASUREMENTS) + "; or peers: the other programs alone, on a few events",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="less of everything, one population, no peers")
    size.add_argument(
        "--smoke", action="store_true", help="run all code on next to nothing; no target is judged"
    )
    parser.add_argument("--headline", choices=get_args(Kind), default="settled", help="population in front")
    parser.add_argument("--into", type=Path, help="folder for the page")
    given = parser.parse_args()
    # Topics are new, and aiokafka says so until they have leaders.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    if given.only == ["peers"]:
        return peers.main([])
    sizes: Sizes = SMOKE if given.smoke else QUICK if given.quick else FULL
    names = [name for name in MEASUREMENTS if not given.only or name in given.only]
    whole = not (given.smoke or given.quick or given.only)
    into = given.into or (ROOT / "docs" if whole else _ASIDE)
    expected_s = {name: sizes.expected_s[name] for name in names}
    talk = Talk(expected_s)
    print(
        f"This takes about {minutes(sum(expected_s.values()))}. Leave the machine alone meanwhile.",
        flush=True,
    )
    bench = Bench(sizes, packaged(), talk.say, given.headline)
    if given.smoke:
        results = asyncio.run(smoke(bench, names))
    else:
        kept = into / "assets" / "bench.json"
        if whole:
            kept.unlink(missing_ok=True)
        results = asyncio.run(measure(bench, talk, names, kept))
    write(results, into)
    if given.smoke:
        wrong = list(mistakes(results, names))
        print("\n".join(["not sane:", *wrong]) if wrong else "all figures are there")
        return int(bool(wrong))
    judged = list(judge(results))
    show(judged)
    missed = [one.target.key for one in judged if one.verdict == "missed"]
    if missed:
        print(f"missed: {', '.join(missed)}")
    return int(bool(missed) and not given.quick)


if __name__ == "__main__":
    sys.exit(main())
