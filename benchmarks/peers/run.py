"""All peers on one small backlog, to see that they work; their figures are for orientation.

python -m benchmarks.peers.run --events 20000 --peers quix bytewax
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.peers.measure import PEERS, PeerFailed, expected, measure
from benchmarks.progress import Figures
from benchmarks.workload import DISTRIBUTIONS, Backlog, draw, publish, templates
from streamproc.clock import wall_ms
from tests.integration.worker import Installation
from tests.servers.kafka import KafkaProcess
from tests.servers.redis import RedisProcess


def table(rows: Iterable[Figures]) -> Table:
    """The figures; a dash where a run was too short for one."""
    shown = Table(
        "peer", "what", "events per CPU s", "CPU µs per event", "events per s", "measured s", box=None
    )
    for row in rows:
        numbers = (
            f"{row.per_cpu_s:,.0f}",
            f"{1e6 / row.per_cpu_s:,.1f}",
            f"{row.per_s:,.0f}",
            f"{row.s:,.1f}",
        )
        shown.add_row(
            row.program, PEERS[row.program].what, *(number.replace("nan", "-") for number in numbers)
        )
    return shown


async def run(args: argparse.Namespace, directory: Path) -> int:
    """How many peers failed."""
    console = Console(width=130)
    folders = {name: directory / name for name in ("kafka", "redis", "peers")}
    for folder in folders.values():
        folder.mkdir()
    with KafkaProcess(directory=folders["kafka"]) as kafka, RedisProcess(directory=folders["redis"]) as redis:
        installation = Installation(
            kafka.bootstrap, redis.url, f"{args.kind}.", folders["peers"], partitions=args.partitions
        )
        await installation.create_topics()
        who = draw(args.kind, args.customers, args.events, seed=1)
        backlog = Backlog(events=templates(), who=who, begin_ms=wall_ms(), per_s=args.per_s)
        await publish(installation, backlog)
        right = await expected(installation)
        found, failed = [], 0
        for peer in args.peers:
            try:
                found.append(await measure(peer, installation, right, args.within_s))
            except PeerFailed as failure:
                failed += 1
                console.print(f"FAILED: {failure}", markup=False)
            else:
                console.print(f"{peer}: done, {'not checked' if PEERS[peer].result is None else 'and right'}")
    console.print(table(found))
    return failed


def main(arguments: list[str] | None = None) -> int:
    """1 if a peer failed. arguments: of the command line, if none are given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--kind", choices=DISTRIBUTIONS, default="uniform")
    parser.add_argument("--events", type=int, default=5_000)
    parser.add_argument("--customers", type=int, default=1_000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--per-s", type=int, default=50, help="events per second of event time")
    parser.add_argument("--within-s", type=float, default=120, help="a peer's time")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        return 1 if asyncio.run(run(args, Path(folder))) else 0


if __name__ == "__main__":
    sys.exit(main())
