"""Bad input by the million: `python -m tests.faults.fuzz --records 1000000`, or `make fuzz`.

Real Kafka, real Redis, one worker. Good events, events with something broken, and what is no event at all come in any
order, under any key. In the end every record must have had exactly one fate: the good ones are counted in their
customer's state, those that cannot be events are in `events.failed`, and of the rest each is one or the other.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import redis
from aiokafka import AIOKafkaProducer
from rich.progress import Progress

from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import BulkProducer, read_topic
from streamproc.transport.outlet import Outgoing
from streamproc.transport.topics import create_topics
from tests.faults.hostile import mutated, not_an_event, valid_event
from tests.faults.scene import RULES
from tests.integration.worker import Installation
from tests.servers.kafka import KafkaProcess
from tests.servers.redis import RedisProcess

PREFIX: Final = "fuzz."
PARTITIONS: Final = 4
CUSTOMERS: Final = 5_000
TOPICS: Final = ("events.web", "events.app", "events.support")
FATE: Final = "x-fate"
GOOD, BAD, EITHER = b"good", b"bad", b"either"
_BATCH: Final = 5_000
#: One record in so many is of 10 MB.
_HUGE_EVERY: Final = 50_000
_HUGE_BYTES: Final = 10_000_000
#: Without a commit for so long, the worker hangs.
_PATIENCE_S: Final = 120


def records(seed: int, count: int) -> Iterator[Outgoing]:
    """Records of all kinds, each with a header that says what must become of it."""
    chance = random.Random(seed)
    for number in range(count):
        draw = chance.random()
        if number % _HUGE_EVERY == _HUGE_EVERY - 1:
            value, fate = b'{"type":"' + b"x" * _HUGE_BYTES + b'"}', BAD
        elif draw < 0.25:
            value, fate = valid_event(chance, f"c{chance.randrange(CUSTOMERS)}", f"m{number}"), GOOD
        elif draw < 0.7:
            event = valid_event(chance, f"c{chance.randrange(CUSTOMERS)}", f"m{number}")
            value, fate = mutated(chance, event), EITHER
        else:
            value, fate = not_an_event(chance, large=0.001), BAD
        headers = [(FATE, fate)]
        for _ in range(chance.randrange(3)):
            headers.append(
                (chance.choice(["", "ce_id", "ce_sequence", "ключ", "x" * 300]), chance.randbytes(9))
            )
        key = chance.choice([None, b"", b"c1", b"\x00", chance.randbytes(30), b"k" * 3_000])
        yield Outgoing(PREFIX + chance.choice(TOPICS), key, value, headers)


async def publish(kafka: KafkaProcess, seed: int, count: int) -> None:
    """All records, at the broker's speed."""
    counts = dict.fromkeys((PREFIX + topic for topic in TOPICS), PARTITIONS)
    made = records(seed, count)
    with Progress() as progress:
        bar = progress.add_task("published", total=count)
        client = AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap, max_request_size=_HUGE_BYTES * 2, max_batch_size=1 << 18
        )
        await client.start()
        try:
            producer = BulkProducer(client, counts)
            while batch := list(islice(made, _BATCH)):
                await producer.send(batch)
                progress.advance(bar, len(batch))
            await producer.flush()
        finally:
            await client.stop()


async def until_applied(installation: Installation, count: int) -> float:
    """Wait until the worker has gone through everything, and sent it; how long it took. AssertionError if it hangs."""
    begin_s = moved_s = time.monotonic()
    applied = -1
    (worker,) = installation.workers
    with Progress() as progress:
        bar = progress.add_task("applied", total=count)
        while True:
            assert worker.process.poll() is None, f"the worker ended: {worker.text[-3000:]}"
            heads = await installation.heads()
            now = sum(head.offsets.get(topic, 0) for head in heads if head for topic in TOPICS)
            if now != applied:
                applied, moved_s = now, time.monotonic()
                progress.update(bar, completed=applied)
            with redis.Redis.from_url(installation.redis) as client:
                waiting = sum(client.xlen(key) for key in client.keys("sp:*:outbox"))
            if applied == count and not waiting:
                return time.monotonic() - begin_s
            assert time.monotonic() - moved_s < _PATIENCE_S, f"stuck at {applied}: {worker.text[-3000:]}"
            await asyncio.sleep(0.5)


async def account(installation: Installation, metrics: dict[str, float]) -> list[str]:
    """What is not as it must be, in words."""
    fate_of, wrong = {}, []
    for topic in TOPICS:
        async for found in read_topic(installation.brokers, PREFIX + topic, PARTITIONS):
            for record in found:
                fate_of[topic, record.partition, record.offset] = dict(record.headers)[FATE]
    failed: Counter[tuple[str, int, int]] = Counter()
    async for found in read_topic(installation.brokers, f"{PREFIX}events.failed", PARTITIONS):
        for record in found:
            source = json.loads(record.value)["data"]["source"]
            failed[source["topic"], source["partition"], source["offset"]] += 1
    wrong += [f"{place}: failed {count} times" for place, count in failed.items() if count != 1]
    wrong += [f"{place}: good, and failed" for place in failed if fate_of[place] == GOOD]
    missing = [place for place, fate in fate_of.items() if fate == BAD and place not in failed]
    wrong += [f"{place}: bad, and not failed" for place in missing]

    def total(name: str) -> int:
        return round(
            sum(value for sample, value in metrics.items() if sample.startswith(f"streamproc_{name}"))
        )

    by_topic = Counter(topic for topic, _, _ in fate_of)
    if (told := total("events_failed_total")) != len(failed):
        wrong.append(f"the metric counts {told} failed events, there are {len(failed)}")
    # What was re-keyed is accepted twice: where it was found, and where it belongs.
    accepted = total("events_accepted_total") - total("events_rekeyed_total")
    if accepted + len(failed) != len(fate_of):
        wrong.append(f"{accepted} accepted and {len(failed)} failed are not {len(fate_of)} ({by_topic})")
    print(
        f"{len(fate_of):,} records: {accepted:,} accepted, {len(failed):,} failed; {Counter(fate_of.values())}"
    )
    return wrong


async def run(seed: int, count: int, directory: Path) -> list[str]:
    """One run, with servers of its own."""
    limits = {"message.max.bytes": str(_HUGE_BYTES * 2), "replica.fetch.max.bytes": str(_HUGE_BYTES * 2)}
    folders = [directory / name for name in ("kafka", "redis", "worker")]
    for folder in folders:
        folder.mkdir()
    with (
        KafkaProcess(directory=folders[0], settings=limits) as kafka,
        RedisProcess(directory=folders[1]) as server,
    ):
        await create_topics(Brokers(kafka.bootstrap), PREFIX, PARTITIONS)
        installation = Installation(
            kafka.bootstrap, server.url, PREFIX, folders[2], partitions=PARTITIONS, rules=RULES, clock="live"
        )
        worker = installation.worker(log_format="json")
        try:
            await publish(kafka, seed, count)
            seconds = await until_applied(installation, count)
            wrong = await account(installation, worker.metrics())
            code, _ = worker.terminate()
        finally:
            installation.stop_all()
    if code != 0:
        wrong.append(f"the worker ended with {code}")
    if "Traceback" in worker.text:
        wrong.append(f"a traceback: {worker.text[worker.text.index('Traceback') :][:2000]}")
    print(f"applied within {seconds:.0f} s of being published")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given: Any = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        wrong = asyncio.run(run(given.seed, given.records, Path(folder)))
    for what in wrong[:50]:
        print("WRONG:", what)
    print(f"{len(wrong)} records or figures are wrong")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
