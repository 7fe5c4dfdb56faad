"""Workers are restarted in turn under load: what `make rolling` does at length, with and without names in one group."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.rolling import NAMES, PARTITIONS, PAUSE_MAX_S, RULES, Fleet, Watch, roll, shards_of
from tests.integration.worker import Installation, until

pytestmark = [pytest.mark.usefixtures("require_apache_kafka"), pytest.mark.timeout(240)]
NAMED = NAMES[:2]


async def a_name_is_taken(fleet: Fleet) -> None:
    """Of two processes with one name the older ends and says why; the other has its partitions."""
    older = fleet.workers[NAMED[0]]
    held = shards_of(older)
    younger = fleet.start(NAMED[0])
    assert await asyncio.to_thread(older.wait) == 2, older.text[-4000:]
    assert "STREAMPROC_INSTANCE=worker-0" in older.text
    assert "Traceback" not in older.text
    await until(lambda: shards_of(younger) == held, 30)


async def a_worker_does_not_come_back(fleet: Fleet, watch: Watch) -> None:
    """Its partitions are free as soon as it is removed from the group, long before its session is over."""
    gone = fleet.workers.pop(NAMED[1])
    gone.kill()
    removal = fleet.installation.command("members", "remove", NAMED[1], "worker-9")
    assert removal.stdout == f"worker-1: removed\nworker-9: not in group {fleet.installation.group}\n"
    assert removal.returncode == 1
    workers = fleet.workers.values()
    await until(lambda: set().union(*map(shards_of, workers)) == set(range(PARTITIONS)), 20)


async def test_restarts_in_turn(kafka_server: str, redis_db: str, topic_prefix: str, tmp_path: Path) -> None:
    """Nothing is lost or counted twice, no partition pauses for ten seconds, and the others hardly notice a restart
    of a worker with a name."""
    installation = Installation(
        kafka_server, redis_db, topic_prefix, tmp_path, partitions=PARTITIONS, rules=RULES, clock="live"
    )
    await installation.create_topics()

    async def afterwards(fleet: Fleet, watch: Watch) -> None:
        await a_name_is_taken(fleet)
        await a_worker_does_not_come_back(fleet, watch)

    try:
        pauses, verdict = await roll(
            installation, named=NAMED, rate=400, customers=300, afterwards=afterwards
        )
    finally:
        installation.stop_all()
    assert verdict.wrong == []
    assert verdict.events > 1_000
    assert len(pauses.own) == PARTITIONS
    assert pauses.longest_s < PAUSE_MAX_S
