"""`streamproc failed` on a real broker: what a worker refused can be seen, and sent again."""

import asyncio
import hashlib
import json
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition
from click.testing import CliRunner, Result

from streamproc.cli.failed import failed_group
from streamproc.contracts.failed import failed_record
from streamproc.contracts.failures import Failure, FailureReason
from streamproc.contracts.outbox import stable_id
from streamproc.errors import StreamprocError
from streamproc.transport.bulk import open_bulk_producer, read_topic
from streamproc.transport.outlet import Outgoing
from streamproc.transport.replay import REPLAY_HEADER
from tests.integration.worker import Installation

HEADER = ("trace", b"7")


async def refuse(
    installation: Installation, topic: str, values: list[bytes], reason: str = "not_json"
) -> list[str]:
    """Publish records and the envelopes that a worker would write for them; the ids of these."""
    prefix = installation.prefix
    counts = {prefix + name: installation.partitions for name in (topic, "events.failed")}
    known = [
        record async for records in read_topic(installation.brokers, prefix + topic, 3) for record in records
    ]
    start = sum(record.partition == 1 for record in known)
    ids = []
    async with open_bulk_producer(installation.brokers, counts) as producer:
        for offset, value in enumerate(values, start):
            await producer.send([Outgoing(prefix + topic, b"u-1", value, [HEADER], 1)])
            failure = Failure(
                position=0, offset=offset, reason=FailureReason(reason), field="$", message="No."
            )
            failed = failed_record(failure, topic=topic, partition=1, key=b"u-1", value=value, timestamp_ms=0)
            ids.append(stable_id("failed", topic, 1, offset, hashlib.sha256(value).hexdigest()))
            # Delivered at least once.
            await producer.send(
                [Outgoing(prefix + failed.topic, failed.key, failed.value, failed.headers)] * 2
            )
    return ids


async def values(
    installation: Installation, topic: str
) -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
    """(key, value, headers) of everything in a topic."""
    name = installation.prefix + topic
    return [
        (record.key, record.value, dict(record.headers))
        async for records in read_topic(installation.brokers, name, installation.partitions)
        for record in records
    ]


async def run(installation: Installation, *arguments: str) -> Result:
    """`streamproc failed …`, in this process but not in this loop: a new process takes seconds to start."""
    runner = CliRunner(env=installation.environment())
    return await asyncio.to_thread(runner.invoke, failed_group, arguments)


def printed(ran: Result) -> Any:
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


async def test_refused_events_are_listed_once_and_filtered(installation: Installation) -> None:
    """By reason, topic, time and number."""
    web = await refuse(installation, "events.web", [b"{", b"["])
    app = await refuse(installation, "events.app", [b""], "empty")
    listed = printed(await run(installation, "list", "--json"))
    assert [entry["id"] for entry in listed] == [*web, *app]
    assert (listed[2]["reason"], listed[2]["topic"], listed[2]["offset"]) == ("empty", "events.app", 0)
    for options, ids in (
        (("--reason", "empty"), app),
        (("--topic", "events.web"), web),
        (("--since", "1h"), [*web, *app]),
        (("--since", "2100-01-01"), []),
        (("--limit", "2"), [web[1], app[0]]),
    ):
        found = printed(await run(installation, "list", "--json", *options))
        assert [entry["id"] for entry in found] == ids, options
    assert "3 failed events" in (await run(installation, "list")).stdout


async def test_one_is_shown_by_the_beginning_of_its_id(installation: Installation) -> None:
    """The whole envelope as JSON; an unknown id is an error."""
    (id_,) = await refuse(installation, "events.web", [b"{broken"])
    envelope = printed(await run(installation, "show", id_[:8], "--json"))
    assert envelope["data"]["id"] == id_
    assert envelope["data"]["payload"]["raw"] == "{broken"
    unknown = await run(installation, "show", "ffffffffffff")
    assert isinstance(unknown.exception, StreamprocError)
    assert "there is no failed event" in unknown.exception.message


async def test_replay_sends_the_original_again(installation: Installation) -> None:
    """All of it, although the envelope has only a part; with key and headers; a dry run sends nothing."""
    huge = b"{" + b"x" * 100_000
    first, second = await refuse(installation, "events.web", [huge, b"["])
    dry = printed(await run(installation, "replay", "--id", first, "--dry-run", "--json"))
    assert [entry["id"] for entry in dry["replayed"]] == [first]
    assert len(await values(installation, "events.web")) == 2
    printed(await run(installation, "replay", "--id", first, "--json"))
    *_, last = sorted(await values(installation, "events.web"), key=lambda record: len(record[2]))
    assert last == (b"u-1", huge, {**dict([HEADER]), REPLAY_HEADER: first.encode()})
    assert second not in {
        headers.get(REPLAY_HEADER, b"").decode() for _, _, headers in await values(installation, "events.web")
    }


async def test_a_replay_that_was_refused_again_is_sent_once(installation: Installation) -> None:
    """The later refusal stands for both."""
    (first,) = await refuse(installation, "events.support", [b"{"])
    printed(await run(installation, "replay", "--json"))
    failure = Failure(position=0, offset=0, reason=FailureReason.NOT_JSON, field="$", message="No.")
    places = {
        dict(record.headers).get(REPLAY_HEADER): (record.partition, record.offset)
        async for records in read_topic(installation.brokers, f"{installation.prefix}events.support", 3)
        for record in records
    }
    partition, offset = places[first.encode()]
    again = failed_record(
        Failure(position=0, offset=offset, reason=failure.reason, field="$", message="No."),
        topic="events.support",
        partition=partition,
        key=b"u-1",
        value=b"{",
        timestamp_ms=0,
    )
    name = f"{installation.prefix}events.failed"
    async with open_bulk_producer(installation.brokers, {name: 3}) as producer:
        await producer.send([Outgoing(name, again.key, again.value, again.headers)])
    done = printed(await run(installation, "replay", "--json"))
    assert [entry["id"] for entry in done["replayed_before"]] == [first]
    assert [entry["offset"] for entry in done["replayed"]] == [offset]
    assert len(await values(installation, "events.support")) == 3


async def test_records_that_are_gone_are_named(
    installation: Installation, require_apache_kafka: None
) -> None:
    """Exit code 1; what is still there is sent."""
    gone, kept = await refuse(installation, "events.web", [b"{", b"["])
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.kafka)
    await admin.start()
    place = TopicPartition(f"{installation.prefix}events.web", 1)
    await admin.delete_records({place: RecordsToDelete(before_offset=1)})
    await admin.close()
    ran = await run(installation, "replay", "--json")
    done = json.loads(ran.stdout)
    assert ran.exit_code == 1
    assert [entry["id"] for entry in done["gone"]] == [gone]
    assert [entry["id"] for entry in done["replayed"]] == [kept]


async def test_another_record_at_the_place_is_not_sent(installation: Installation) -> None:
    """A topic that was made anew has other records at the same offsets."""
    await refuse(installation, "events.web", [b"{"])
    failure = Failure(position=0, offset=0, reason=FailureReason.NOT_JSON, field="$", message="No.")
    other = failed_record(failure, topic="events.app", partition=1, key=None, value=b"x", timestamp_ms=0)
    names = [f"{installation.prefix}{name}" for name in ("events.failed", "events.app")]
    async with open_bulk_producer(installation.brokers, dict.fromkeys(names, 3)) as producer:
        await producer.send(
            [Outgoing(names[0], other.key, other.value), Outgoing(names[1], b"k", b"y", (), 1)]
        )
    ran = await run(installation, "replay", "--topic", "events.app", "--json")
    assert ran.exit_code == 1
    assert len(json.loads(ran.stdout)["gone"]) == 1


async def test_nothing_refused(installation: Installation) -> None:
    """Nothing to list, nothing to send."""
    assert (await run(installation, "list")).stdout == "no failed events\n"
    assert printed(await run(installation, "replay", "--json"))["replayed"] == []
