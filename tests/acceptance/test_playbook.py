"""The whole playbook on long streams, in memory: the engine publishes exactly what the reference says.

One stream is that of the other acceptance tests, the other one is from `streamproc simulate`.
STREAMPROC_ACCEPTANCE_EVENTS and STREAMPROC_ACCEPTANCE_SIMULATED make them smaller, to try something out.
"""

import os
import pickle
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from streamproc.churn.model import load_model
from streamproc.cli.simulate import simulate_command
from streamproc.rules.load import PLAYBOOK, load_ruleset
from streamproc.transitions.definitions import Definitions
from streamproc.transport.lines import parse_line
from tests.oracle.compare import assert_same
from tests.oracle.engine import run_engine
from tests.reference.lives import DAY_MS
from tests.reference.model import Reference
from tests.reference.partition import partition_of
from tests.reference.record import Logs, Record
from tests.reference.stream import generate

pytestmark = pytest.mark.timeout(6 * 3600)

EVENTS = int(os.environ.get("STREAMPROC_ACCEPTANCE_EVENTS", "200000"))
SIMULATED = int(os.environ.get("STREAMPROC_ACCEPTANCE_SIMULATED", "1000000"))
PARTITIONS = 8
SEED = 20261123
END = "2026-06-01"
END_MS = 1_780_272_000_000
WALL_NOW_MS = END_MS
#: The silence after the last event belongs to it.
UNTIL_MS = END_MS + 14 * DAY_MS


def invented(directory: Path) -> Logs:
    """The stream of the other acceptance tests."""
    return generate(
        SEED, customers=max(20, EVENTS // 40), events=EVENTS, days=90, duplicates=0.10, out_of_order=0.20,
        malformed=0.01, partitions=PARTITIONS, end_ms=END_MS,
    )  # fmt: skip


def simulated(directory: Path) -> Logs:
    """What `streamproc simulate` writes, each record where its key belongs."""
    path = directory / "events.jsonl"
    shares = {"--late-share": "0.02", "--repeat-share": "0.05", "--malformed-share": "0.01"}
    options = {"--events": str(SIMULATED), "--end": END, "--out": str(path), **shares}
    arguments = [part for option in options.items() for part in option]
    result = CliRunner().invoke(simulate_command, arguments)
    assert result.exit_code == 0, result.output
    logs: defaultdict[tuple[str, int], list[Record]] = defaultdict(list)
    with path.open("rb") as file:
        for line in file:
            parsed = parse_line(line, None)
            partition = partition_of((parsed.key or b"").decode(), PARTITIONS)
            log = logs[parsed.topic, partition]
            log.append(Record(len(log), parsed.key, parsed.value))
    return dict(logs)


def check_shard(path: Path) -> tuple[int, int, int]:
    """Compare engine and reference on the logs in a file; how many records, signals and segments with a member."""
    logs: Logs = pickle.loads(path.read_bytes())
    definitions = Definitions(load_ruleset(None), load_model(None))
    run = run_engine(logs, definitions, 1, UNTIL_MS, wall_now_ms=WALL_NOW_MS)
    churn = Path(str(files("streamproc.churn"))) / "default_model.json"
    reference = Reference(Path(str(files("streamproc.rules"))) / PLAYBOOK, churn, 1)
    result = reference.run(logs, WALL_NOW_MS, UNTIL_MS)
    assert_same(run, result)
    entered = {signal["key"] for signal in result.signals[0] if signal["kind"] == "entered"}
    return sum(map(len, logs.values())), len(result.signals[0]), len(entered)


@pytest.mark.parametrize("stream", [invented, simulated])
def test_the_playbook_on_a_long_stream(
    stream: Callable[[Path], Logs], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Each shard in a process of its own, as if it were the only one."""
    paths = []
    logs = stream(tmp_path)
    for partition in range(PARTITIONS):
        mine = {(topic, 0): log for (topic, other), log in logs.items() if other == partition}
        path = tmp_path / f"shard-{partition}"
        path.write_bytes(pickle.dumps(mine))
        paths.append(path)
    begin_s = time.monotonic()
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as processes:
        found = list(processes.map(check_shard, paths))
    records, signals = sum(one[0] for one in found), sum(one[1] for one in found)
    assert records == sum(map(len, logs.values()))
    assert min(one[2] for one in found) >= 10, "hardly any segment was ever entered"
    record_property("records", records)
    record_property("signals", signals)
    record_property("seconds", round(time.monotonic() - begin_s))
