"""The step killer: a worker dies at a named point of the way, and nothing is lost, doubled or changed.

A run of all tests takes some of the points, `STREAMPROC_FAULT_POINTS=all` every one.
"""

import os
import random
import signal
from dataclasses import replace

import pytest

from tests.faults.steps import POINTS
from tests.integration.worker import Installation
from tests.reference.lives import DAY_MS
from tests.reference.stream import generate

SEED = 20261123
END_MS = 1_780_272_000_000
UNTIL_MS = END_MS + DAY_MS
#: Small commits, so that every worker passes its point before the stream ends.
CHUNK_RECORDS = 10
SOME = 8
#: How often a worker at rest in its group passes a step at least; all others are passed with every commit.
PASSES = {"seek": 1, "release": 1, "acquire": 3, "relay_read": 3}


@pytest.mark.usefixtures("require_apache_kafka")
@pytest.mark.timeout(900)
async def test_workers_that_die_at_points_of_the_way(installation: Installation) -> None:
    """One worker after the other dies at its own point; the last one ends the stream as if nothing had happened."""
    chance = random.Random(SEED)
    logs = generate(SEED, customers=150, events=1_500, outcomes=300, days=30, partitions=3, end_ms=END_MS)
    await installation.publish(logs)
    points = [*POINTS]
    chance.shuffle(points)
    if os.environ.get("STREAMPROC_FAULT_POINTS") != "all":
        points = points[:SOME]
    for point in points:
        step = point.partition(":")[0]
        doomed = replace(
            installation,
            program="tests.faults.worker",
            extra={"FAULTS_STEP": f"{point}:{chance.randint(1, PASSES.get(step, 4))}"},
            workers=installation.workers,
        )
        worker = doomed.worker(chunk_records=CHUNK_RECORDS)
        assert worker.wait() == -signal.SIGKILL, f"{point}\n{worker.text}"
    installation.run_until(UNTIL_MS)
    await installation.assert_same(installation.reference(logs, UNTIL_MS))
