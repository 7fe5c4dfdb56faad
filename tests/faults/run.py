"""Run the fault suite: `python -m tests.faults.run --seeds 20`, or `make faults SEEDS=20`.

Each seed is one run of its own: fresh servers, a load, faults one after the other, then the verdict. Ends with 1 if any
promise was broken. With `--json FILE` the outcomes are added to a file that `tests.faults.report` makes a table of.
"""

import argparse
import asyncio
import json
import random
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from tests.faults.catalogue import FAULTS, LOSSES
from tests.faults.crew import SESSION_TIMEOUT_MS
from tests.faults.scene import Scene
from tests.faults.servers import mounted, unmount
from tests.faults.verdict import IDLE_MS, judge

#: What the suite promises: recovered so soon after the dependency is back.
RECOVERY_S = SESSION_TIMEOUT_MS / 1000 + 5.0
WARM_UP_S = 4.0


async def run_seed(
    seed: int, faults: int, names: list[str], directory: Path, *, quiet: bool = False, **options: Any
) -> dict[str, Any]:
    """One run; what happened, as JSON values. `options` as the fields of a Scene."""
    chance = random.Random(seed)
    scene = Scene(directory=directory, seed=seed, **options)
    outcomes = []
    begin_s = time.monotonic()
    try:
        await scene.start()
        assert await scene.caught_up_s() is not None, "the workers never started"
        await asyncio.sleep(WARM_UP_S)
        for number in range(faults):
            name = names[number % len(names)] if number < len(names) else chance.choice(names)
            if name == "failover" and not scene.servers.in_step():
                await asyncio.sleep(1.0)
            measured_s = await FAULTS[name](scene, chance)
            caught_up_s = await scene.caught_up_s()
            recovery_s = caught_up_s if measured_s is None else measured_s
            outcomes.append({"fault": name, "recovery_s": recovery_s})
            if not quiet:
                took = "never" if recovery_s is None else f"{recovery_s:.2f} s"
                print(f"  seed {seed} {number + 1}/{faults} {name}: {took}", flush=True)
            await asyncio.sleep(chance.uniform(0.1, 1.0))
        try:
            await end(scene)
        except (AssertionError, TimeoutError, KafkaError) as error:
            scene.wrong.append(f"does not come to an end: {error}")
            scene.crew.kill_all()
        verdict = await judge(
            scene.logs.bootstrap,
            f"redis://127.0.0.1:{scene.servers.primary.port}/0",
            "faults.",
            scene.installation.group,
            scene.partitions,
            scene.logs.archive,
            scene.logs.lost,
            is_mixed=scene.crew.said('"other_history": true'),
        )
        verdict.wrong += scene.wrong + scene.crew.wrong
        # Signals that wait for replicas survive a failover to one.
        losses = LOSSES - {"failover", "overlap"} if scene.replicas == "1" else LOSSES
        lossy = any(outcome["fault"] in losses for outcome in outcomes)
        verdict.says(lossy or verdict.ghosts == 0, f"{verdict.ghosts} ghosts, and Redis lost nothing")
        verdict.says(lossy or not verdict.restated, f"{verdict.restated} restated, and Redis lost nothing")
        for outcome in outcomes:
            verdict.says(outcome["recovery_s"] is not None, f"no recovery from {outcome['fault']}")
        return {
            "seed": seed,
            "seconds": round(time.monotonic() - begin_s),
            "outcomes": outcomes,
            "replicas": scene.replicas,
            "lost": scene.lost,
            "restarts": scene.crew.restarts,
            "refusals": len(scene.crew.refusals),
            **asdict(verdict),
        }
    finally:
        scene.close()


async def end(scene: Scene) -> None:
    """Let everything be applied, everybody fall silent and everything be sent; then the fault that cannot be mended.

    With other partition counts a worker must refuse to go on.
    """
    await scene.drain()
    ahead_s = max(0.0, scene.clocks_right_s - time.monotonic())
    await asyncio.sleep(ahead_s + IDLE_MS / 1000 + 3)
    await scene.drain_outbox()
    for worker in scene.crew.workers:
        worker.terminate(30)
    scene.crew.workers.clear()
    await scene.logs.add_partitions("events.web", scene.partitions + 2)
    await scene.crew.check_refusal("partitions")


def summarize(results: list[dict[str, Any]]) -> str:
    """The figures of all runs in some lines."""
    recoveries = sorted(
        outcome["recovery_s"] for result in results for outcome in result["outcomes"] if outcome["recovery_s"]
    )
    p95 = recoveries[int(len(recoveries) * 0.95)] if recoveries else float("nan")
    signals, repeats = (sum(result[name] for result in results) for name in ("signals", "repeats"))
    median = statistics.median(recoveries) if recoveries else float("nan")
    return (
        f"{len(results)} seeds, {len(recoveries)} faults, {sum(r['events'] for r in results):,} events, "
        f"{sum(r['bad'] for r in results):,} bad records, {signals:,} signals, {repeats:,} repeats, "
        f"{sum(r['ghosts'] for r in results):,} ghosts, {sum(r['rewinds'] for r in results)} rewinds, "
        f"{sum(r['restated'] for r in results):,} customers restated; "
        f"recovery p50 {median:.1f} s, p95 {p95:.1f} s; "
        f"{sum(len(r['wrong']) for r in results)} promises broken"
    )


def _leave(*_: object) -> None:
    """End in order, so that servers and mounts are cleared away, however often one is told to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1, help="how many runs")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=len(FAULTS), help="faults in each run")
    parser.add_argument(
        "--only", nargs="*", choices=sorted(FAULTS), default=None, help="faults to choose from"
    )
    parser.add_argument("--rate", type=int, default=1_000, help="events per second")
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--replicas", default="", help="STREAMPROC_REDIS_REPLICAS; default: 1 and auto in turn"
    )
    parser.add_argument("--mutation", default="", help="a deliberate bug that must be noticed")
    parser.add_argument(
        "--beside", type=int, default=0, help="how many other runs share the machine: for the report"
    )
    parser.add_argument("--json", type=Path, default=None, help="add the outcomes to this file, a line each")
    parser.add_argument("--keep", type=Path, default=None, help="keep servers' data and logs here")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    names = sorted(given.only or FAULTS)
    with tempfile.TemporaryDirectory() as folder:
        if mounted(Path(folder)):
            unmount(Path(folder))
        else:
            names = [name for name in names if name != "disk_full"]
            print("disk_full is left out: it needs to mount a file system in memory, as root")
    results = []
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        order = list(names)
        random.Random(seed).shuffle(order)
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            directory = given.keep / str(seed) if given.keep else Path(folder)
            directory.mkdir(parents=True, exist_ok=True)
            result = asyncio.run(
                run_seed(
                    seed,
                    given.faults,
                    order,
                    directory,
                    rate=given.rate,
                    customers=given.customers,
                    worker_count=given.workers,
                    mutation=given.mutation,
                    replicas=given.replicas or ("1" if seed % 2 else "auto"),
                )
            )
        result["beside"] = given.beside
        results.append(result)
        for wrong in result["wrong"]:
            print(f"  WRONG: {wrong}")
        if given.json:
            with given.json.open("a") as file:
                file.write(json.dumps(result) + "\n")
        print(f"seed {seed}: {summarize([result])}", flush=True)
    print(summarize(results))
    return int(any(result["wrong"] for result in results))


if __name__ == "__main__":
    sys.exit(main())
