"""Real workers on real servers: start, stop and kill them, publish logs, read back what came of it.

A test takes an `Installation`: topics of its own, a consumer group of its own, rules of its own.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streamproc.churn.model import load_model
from streamproc.contracts.outbox import OutRecord
from streamproc.rules.load import load_ruleset
from streamproc.settings import load_settings
from streamproc.sources import SOURCES
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Head
from streamproc.transitions.definitions import Definitions
from streamproc.transport.brokers import Brokers, brokers_of
from streamproc.transport.bulk import open_bulk_producer, read_topic
from streamproc.transport.outlet import Outgoing
from streamproc.transport.topics import Topics, create_topics
from tests.oracle.compare import assert_same_customers, without_bytes
from tests.oracle.engine import SIGNAL_TOPICS, Run
from tests.oracle.said import as_said
from tests.reference.model import Reference, Result
from tests.reference.record import Record
from tests.servers.process import DIE_WITH_PARENT, free_port, wait_until

#: The longest a worker may take to start, on a busy machine.
START_WITHIN_S = 60

ACCEPTANCE_RULES = Path(__file__).parents[1] / "reference" / "acceptance_rules.yaml"
MODEL = Path(__file__).parents[2] / "streamproc" / "churn" / "default_model.json"

Logs = Mapping[tuple[str, int], Sequence[Record]]


@dataclass
class WorkerProcess:
    """A `streamproc worker` in a process of its own. `log`: what it wrote to stderr and stdout."""

    process: subprocess.Popen[bytes]
    log: Path
    http_port: int

    @property
    def text(self) -> str:
        """All it wrote so far."""
        return self.log.read_text(errors="replace")

    def wait(self, within_s: float = START_WITHIN_S) -> int:
        """The exit code, once it has ended by itself; TimeoutError with its log if it does not."""
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the worker still runs after {within_s} s\n{self.text[-4000:]}") from None

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def terminate(self, within_s: float = 30) -> tuple[int, float]:
        """SIGTERM; the exit code and the seconds it took to end."""
        begin_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.wait(within_s), time.monotonic() - begin_s

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET on its HTTP port; status 0 while nobody answers there."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metrics(self) -> dict[str, float]:
        """Sample -> value, as `/metrics` has them: `streamproc_events_applied_total{topic="events.web"}`."""
        lines = self.get("/metrics")[1].splitlines()
        return {
            sample: float(value)
            for sample, _, value in (line.rpartition(" ") for line in lines if line and line[0] != "#")
        }

    def wait_ready(self, within_s: float = START_WITHIN_S) -> Self:
        """Return once `/readyz` says so; AssertionError with the log if it does not."""
        self.wait_for(lambda: self.get("/readyz")[0] == 200, within_s)
        return self

    def wait_for(self, condition: Callable[[], bool], within_s: float = START_WITHIN_S) -> None:
        """Poll until the condition holds; AssertionError with the log if it does not, or if the worker ends."""
        wait_until(lambda: self.process.poll() is not None or condition(), within_s=within_s)
        assert self.process.poll() is None, f"the worker ended with {self.process.returncode}\n{self.text}"
        assert condition(), self.text[-4000:]


@dataclass
class Published:
    """Everything in the topics out, each record once, by topic and partition, in the order of its first sending."""

    records: dict[tuple[str, int], list[OutRecord]] = field(default_factory=dict)
    #: Records that came more than once, each time with the same bytes.
    repeats: int = 0

    def take(self, topic: str, raw: ConsumerRecord, seen: dict[str, OutRecord]) -> None:
        """Keep a record; AssertionError if its id was there before with other bytes."""
        record = OutRecord(topic, raw.key, list(raw.headers), raw.value)
        id_ = dict(raw.headers)["ce_id"].decode()
        if id_ in seen:
            self.repeats += 1
            assert seen[id_] == record, f"{id_} was sent with different bytes:\n{seen[id_]}\n{record}"
            return
        seen[id_] = record
        self.records.setdefault((topic, raw.partition), []).append(record)

    def signals(self) -> dict[tuple[str, int], list[OutRecord]]:
        """Without the failed events."""
        return {place: records for place, records in self.records.items() if place[0] in SIGNAL_TOPICS}

    def said(self) -> list[dict[str, Any]]:
        """The signals in the words of the reference, topic by topic."""
        return [as_said(record) for records in self.signals().values() for record in records]

    def failures(self) -> dict[tuple[str, int, int], str]:
        """Source coordinates -> reason, of all failed events."""
        found = {}
        for (topic, _), records in self.records.items():
            for record in records if topic == "events.failed" else ():
                data = json.loads(record.value)["data"]
                source = data["source"]
                found[source["topic"], source["partition"], source["offset"]] = data["failure"]["reason"]
        return found


@dataclass
class Installation:
    """Topics with a prefix, a group, a Redis and rules, and the workers that run on them."""

    kafka: str
    redis: str
    prefix: str
    directory: Path
    partitions: int = 3
    rules: Path = ACCEPTANCE_RULES
    clock: str = "event"
    #: The module that is run as `streamproc`, and what its environment has besides.
    program: str = "streamproc"
    extra: Mapping[str, str] = field(default_factory=dict)
    workers: list[WorkerProcess] = field(default_factory=list)

    @property
    def group(self) -> str:
        return f"{self.prefix}workers"

    @property
    def brokers(self) -> Brokers:
        """As its workers reach them."""
        return brokers_of(load_settings(self.environment()))

    def environment(self, **settings: object) -> dict[str, str]:
        """The environment of a command on this installation; `settings` as in `streamproc.settings`, None: unset."""
        own = {
            "kafka": self.kafka,
            "redis": self.redis,
            "topic_prefix": self.prefix,
            "group": self.group,
            "rules": self.rules,
            "model": MODEL,
            "clock": self.clock,
            "http_port": 0,
            "session_timeout_ms": 2_000,
            "heartbeat_ms": 300,
            **settings,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMPROC_")}
        ours = {f"STREAMPROC_{name.upper()}": str(value) for name, value in own.items() if value is not None}
        return {**inherited, **ours, **self.extra}

    def worker(self, *arguments: str, **settings: object) -> WorkerProcess:
        """Start `streamproc worker`. It has an HTTP port unless `http_port` is given."""
        return self.begin("worker", *arguments, **settings)

    def begin(self, *arguments: str, **settings: object) -> WorkerProcess:
        """Start a command that runs until it is stopped, as `worker`."""
        port = free_port()
        log = self.directory / f"worker-{len(self.workers)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*DIE_WITH_PARENT, sys.executable, "-m", self.program, *arguments],
                env=self.environment(**{"http_port": port, **settings}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        worker = WorkerProcess(process, log, port)
        self.workers.append(worker)
        return worker

    def run_until(self, until_ms: int, within_s: float = START_WITHIN_S, **settings: object) -> WorkerProcess:
        """Replay to the end in one worker, which must exit with 0."""
        worker = self.worker("--until", iso(until_ms), **settings)
        assert worker.wait(within_s) == 0, worker.text
        return worker

    def command(self, *arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """Run a `streamproc` command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "streamproc", *arguments],
            env=self.environment(**settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=START_WITHIN_S,
        )

    def stop_all(self) -> None:
        """Kill what still runs."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()

    # -- topics

    async def create_topics(self) -> None:
        await create_topics(self.brokers, self.prefix, self.partitions)

    async def publish(self, logs: Logs) -> None:
        """Append records to their partitions: in an empty topic each gets the offset it has in `logs`."""
        counts = {self.prefix + topic: self.partitions for topic in SOURCES}
        async with open_bulk_producer(self.brokers, counts) as producer:
            for (topic, partition), records in logs.items():
                await producer.send(
                    [
                        Outgoing(self.prefix + topic, record.key, record.value, record.headers, partition)
                        for record in records
                    ]
                )

    async def ends(self) -> dict[tuple[str, int], int]:
        """The end of every source partition."""
        places = [
            TopicPartition(self.prefix + topic, partition)
            for topic in SOURCES
            for partition in range(self.partitions)
        ]
        async with AIOKafkaConsumer(**self.brokers.client_options()) as consumer:
            ends = await consumer.end_offsets(places)
        return {(place.topic.removeprefix(self.prefix), place.partition): end for place, end in ends.items()}

    async def published(self) -> Published:
        """All signals and failed events."""
        found, seen = Published(), {}
        topics = Topics(self.prefix)
        for topic in (*topics.signals, topics.failed):
            async for records in read_topic(self.brokers, topic, self.partitions):
                for record in records:
                    found.take(topic.removeprefix(self.prefix), record, seen)
        return found

    # -- state

    def definitions(self) -> Definitions:
        return Definitions(load_ruleset(self.rules), load_model(MODEL))

    async def heads(self) -> list[Head | None]:
        """What Redis says of every shard."""
        store = RedisStore(self.redis, prefix=self.prefix, group=self.group)
        try:
            return [await store.read_head(partition) for partition in range(self.partitions)]
        finally:
            await store.aclose()

    async def wait_applied(
        self, records: int, worker: WorkerProcess, within_s: float = START_WITHIN_S
    ) -> None:
        """Return once so many records of the sources are applied; AssertionError if the worker ends before."""

        async def applied() -> bool:
            assert worker.process.poll() is None, f"it ended with {worker.process.returncode}\n{worker.text}"
            return (
                sum(sum(head.offsets.values()) for head in await self.heads() if head is not None) >= records
            )

        await until(applied, within_s)

    async def customers(self, now_ms: int | None = None) -> Run:
        """Everybody's features (as of `now_ms`; None: of their shard's time), memberships and bands, from Redis."""
        store = RedisStore(self.redis, prefix=self.prefix, group=self.group)
        run, definitions = Run(), self.definitions()
        try:
            for partition in range(self.partitions):
                head = await store.read_head(partition)
                assert head is not None, f"shard {partition} has no head"
                assert head.time_ms is not None, f"shard {partition} has no time"
                found: dict[bytes, bytes] = {}  # a scan may show a customer twice
                cursor = 0
                while True:
                    cursor, some = await store.scan(head, cursor, 5_000)
                    found.update(some)
                    if cursor == 0:
                        break
                if found:
                    run.learn(list(found.items()), head.time_ms if now_ms is None else now_ms, definitions)
        finally:
            await store.aclose()
        return run

    # -- against the reference

    def reference(self, logs: Logs, until_ms: int) -> Result:
        """What must come of these logs."""
        run = Reference(self.rules, MODEL, self.partitions)
        return run.run({place: list(log) for place, log in logs.items()}, wall_ms(), until_ms)

    async def assert_same(self, result: Result) -> Published:
        """Signals and failed events in Kafka, and customers in Redis, are exactly those of the reference."""
        published = await self.published()
        assert_same_signals(published, result)
        assert published.failures() == {(f.topic, f.partition, f.offset): f.reason for f in result.failed}
        assert_same_customers(await self.customers(), result)
        return published


def assert_same_signals(published: Published, result: Result) -> None:
    """Each topic's signals of each shard, in order: Kafka keeps no order between topics."""
    for shard, expected in result.signals.items():
        for topic in SIGNAL_TOPICS:
            got = [without_bytes(as_said(record)) for record in published.records.get((topic, shard), [])]
            want = [without_bytes(signal) for signal in expected if signal["topic"] == topic]
            for place, (one, other) in enumerate(zip(got, want, strict=False)):
                assert one == other, f"{topic}/{shard}, signal {place}:\n engine    {one}\n reference {other}"
            assert len(got) == len(want), f"{topic}/{shard}"


def assert_profile(installation: Installation, result: Result, customer: str) -> None:
    """`streamproc profile show --json` says what the reference says."""
    ran = installation.command("profile", "show", customer, "--json")
    assert ran.returncode == 0, ran.stderr
    profile = json.loads(ran.stdout)
    assert profile["customer_id"] == customer
    units = installation.definitions().ruleset.features
    for name, (value, exact) in result.features[customer].items():
        shown = None if value == -1 and not exact else value / 1e6 if units[name].unit == "money" else value
        assert profile["features"][name] == shown, name
        assert (name not in profile["incomplete"]) == exact, name
    entered = {key: member.entry_seq for key, member in result.memberships[customer].items()}
    assert {segment["key"]: segment["entry_seq"] for segment in profile["segments"]} == entered
    assert profile["churn"]["band"] == result.bands[customer]
    risk = result.risks[customer]
    assert profile["churn"]["risk"] == (None if risk is None else pytest.approx(risk, abs=1e-6))


def shared(workers: Sequence[WorkerProcess], partitions: int) -> bool:
    """Whether the workers hold all shards between them, each has some, and no two have the same."""
    held = [
        {sample for sample in worker.metrics() if sample.startswith("streamproc_shard_time_seconds")}
        for worker in workers
    ]
    return all(held) and sum(map(len, held)) == len(set().union(*held)) == partitions


def wall_ms() -> int:
    return int(time.time() * 1000)


def iso(at_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms // 1000)) + f".{at_ms % 1000:03}Z"


def event(
    customer: str, ts_ms: int, number: int | str, name: str = "Product Viewed", **properties: Any
) -> bytes:
    """A track call, with a message id made of customer and number."""
    return json.dumps(
        {
            "type": "track",
            "event": name,
            "userId": customer,
            "messageId": f"{customer}-{number}",
            "timestamp": iso(ts_ms),
            "properties": properties,
        }
    ).encode()


async def until(condition: Callable[[], Any], within_s: float) -> None:
    """Wait for a condition that may be a coroutine function; AssertionError after `within_s`."""
    deadline_s = time.monotonic() + within_s
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < deadline_s, f"not within {within_s} s"
        await asyncio.sleep(0.1)
