"""State made anew from the topics: the same customers, and nobody is told or asked twice."""

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from streamproc.sources import SOURCES
from streamproc.transport.bulk import open_bulk_producer
from streamproc.transport.outlet import Outgoing
from tests.integration.test_worker_replay import UNTIL_MS, Stream, make_stream
from tests.integration.worker import Installation, event, iso, until, wall_ms
from tests.oracle.compare import assert_same_customers
from tests.servers.process import free_port

pytestmark = pytest.mark.usefixtures("require_apache_kafka")


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    """600 events of 100 customers over 90 days, with repeats, late and malformed ones."""
    return make_stream(tmp_path_factory.mktemp("stream"), events=600, customers=100)


async def test_a_lost_state_is_made_anew(installation: Installation, stream: Stream) -> None:
    """By processes that are killed, or two: the states are the reference's, and nothing is published meanwhile.

    The workers then say anew what holds.
    """
    await installation.publish(stream.logs)
    installation.run_until(UNTIL_MS)
    before = await installation.published()

    refused = installation.command("rebuild")
    assert refused.returncode == 2
    assert "add --wipe" in refused.stderr
    first = installation.begin("rebuild", "--wipe", chunk_records=10)

    async def is_halfway() -> bool:
        heads = await installation.heads()
        return (
            stream.records // 4 < sum(sum(head.offsets.values()) for head in heads if head) < stream.records
        )

    await until(is_halfway, within_s=60)
    first.kill()
    early = installation.worker()
    assert early.wait() == 2
    assert "run `streamproc rebuild` again" in early.text
    both = [installation.begin("rebuild", "--json", chunk_records=10) for _ in range(2)]
    ends = [(one.wait(), '"done": true' in one.text) for one in both]
    assert (0, True) in ends, both[0].text + both[1].text
    assert {*ends} <= {(0, True), (1, False)}, "who ends first says that the other still builds"
    assert_same_customers(await installation.customers(), stream.result)
    assert await installation.published() == before

    installation.run_until(UNTIL_MS)
    assert_same_customers(await installation.customers(), stream.result)
    after = (await installation.published()).said()
    told = [signal for signal in after if signal["cause"] == "restored"]
    assert {signal["customer"] for signal in told} == stream.result.features.keys()
    assert {signal["version"] >> 32 for signal in told} == {1}
    assert len(after) == len(before.said()) + len(told)

    await delete_records(installation, "events.web", 1, before=20)
    cut = installation.command("rebuild", "--wipe")
    assert cut.returncode == 2
    assert "retention has removed the beginning of 1 logs" in cut.stderr


async def delete_records(installation: Installation, topic: str, partition: int, before: int) -> None:
    """As retention does."""
    place = TopicPartition(installation.prefix + topic, partition)
    client = AIOKafkaAdminClient(**installation.brokers.client_options())
    await client.start()
    try:
        await client.delete_records({place: RecordsToDelete(before)})
    finally:
        await client.close()


RULES = """
segments:
  - {key: quiet, name: Quiet, version: 1, enter: recency > 2s}
  - {key: often, name: Often, version: 1, enter: events_total >= 5}
campaigns:
  - {key: nudge, name: Nudge, version: 1, on: enter quiet, reentry: never, channel: email, reason: Quiet,
     goal: none, expires_after: 1h}
  - {key: thanks, name: Thanks, version: 1, on: enter often, reentry: never, channel: email, reason: Often,
     goal: none, expires_after: 1h}
"""


@dataclass
class Customers:
    """Who come, one after the other, are there six times within three seconds, and then no more."""

    installation: Installation
    names: list[str] = field(default_factory=list)
    sent: int = 0
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    async def come(self) -> None:
        """Until told that it is over; those who are there then come as often as all others."""
        visits: dict[str, int] = {}
        while visits or not self.is_over.is_set():
            if not self.is_over.is_set():
                for _ in range(3):
                    visits[f"c-{len(self.names)}"] = 0
                    self.names.append(f"c-{len(self.names)}")
            now_ms = wall_ms()
            place = self.installation
            counts = {place.prefix + topic: place.partitions for topic in SOURCES}
            async with open_bulk_producer(place.brokers, counts) as producer:
                topic = f"{place.prefix}events.web"
                values = [(name, self._event(name, n, now_ms)) for name, n in visits.items()]
                await producer.send([Outgoing(topic, name.encode(), value, []) for name, value in values])
            self.sent += len(visits)
            visits = {name: n + 1 for name, n in visits.items() if n < 6}
            await asyncio.sleep(0.5)

    @staticmethod
    def _event(name: str, n: int, now_ms: int) -> bytes:
        if n:
            return event(name, now_ms, n)
        agreed = {"type": "identify", "userId": name, "messageId": name, "timestamp": iso(now_ms)}
        return json.dumps(agreed | {"traits": {"consent": {"email": True}}}).encode()


async def test_green_takes_over_from_blue(installation: Installation, tmp_path: Path) -> None:
    """Built beside, under load: who goes by versions or ids knows the truth, and nobody is asked twice."""
    installation.clock, installation.rules = "live", tmp_path / "rules.yaml"
    installation.rules.write_text(RULES)
    green, build = f"{installation.prefix}green", ("--after", installation.group, "--json")
    blue = await asyncio.to_thread(installation.worker().wait_ready)
    customers = Customers(installation)
    coming = asyncio.create_task(customers.come())
    await until(lambda: customers.sent > 100, within_s=60)

    beside = await asyncio.to_thread(installation.command, "rebuild", *build, group=green)
    assert beside.returncode == 0, beside.stderr
    assert json.loads(beside.stdout)["goes_on"]
    early = await asyncio.to_thread(installation.command, "worker", group=green, http_port=free_port())
    assert early.returncode == 2
    assert f"stop the workers of {installation.group}" in early.stderr

    assert (await asyncio.to_thread(blue.terminate))[0] == 0
    built = await asyncio.to_thread(installation.command, "rebuild", *build, group=green)
    assert built.returncode == 0, built.stderr
    assert not json.loads(built.stdout)["goes_on"]
    said_by_blue = len((await installation.published()).said())
    worker = installation.worker(group=green)
    await asyncio.to_thread(worker.wait_ready)
    customers.is_over.set()
    await coming

    async def are_quiet() -> bool:
        signals = (await installation.published()).said()
        return {one["customer"] for one in signals if one["key"] == "nudge"} == set(customers.names)

    await until(are_quiet, within_s=20)
    await asyncio.to_thread(worker.terminate)
    signals = (await installation.published()).said()
    assert len(signals) > said_by_blue
    assert_truth(signals, customers.names)
    decided = defaultdict(list)
    for one in signals:
        if one["kind"] in ("requested", "suppressed"):
            decided[one["key"], one["kind"]].append(one["customer"])
    assert sorted(decided["nudge", "requested"]) == sorted(customers.names)
    # Who came while nobody worked is quiet and often there at the same moment, and then nudge comes first.
    assert sorted(decided["thanks", "requested"] + decided["thanks", "suppressed"]) == sorted(customers.names)


def assert_truth(signals: list[dict[str, Any]], customers: list[str]) -> None:
    """Everybody was often there and is quiet now; versions rise, so that who goes by them drops nothing."""
    last: dict[tuple[str, str], int] = defaultdict(int)
    inside: dict[str, set[str]] = defaultdict(set)
    for signal in signals:
        place = (signal["topic"], signal["customer"])
        assert signal["version"] > last[place], signal
        last[place] = signal["version"]
        if signal["kind"] == "entered":
            inside[signal["customer"]].add(signal["key"])
        elif signal["kind"] == "exited":
            inside[signal["customer"]].discard(signal["key"])
    assert inside == {customer: {"quiet", "often"} for customer in customers}
