"""`streamproc simulate` to a real broker."""

import asyncio
import json

from click.testing import CliRunner

from streamproc.cli.simulate import simulate_command
from streamproc.transport.bulk import read_topic
from streamproc.transport.lines import EVENT_TOPICS
from streamproc.transport.partitioner import partition_of
from tests.integration.worker import Installation


async def test_lives_go_to_their_topics_under_their_customers(installation: Installation) -> None:
    """Exactly as many as asked for, on the partition that murmur2 of the key says."""
    runner = CliRunner(env=installation.environment())
    ran = await asyncio.to_thread(runner.invoke, simulate_command, ["--kafka", "--events", "3000"])
    assert ran.exit_code == 0, ran.output
    found = [
        record
        for topic in EVENT_TOPICS
        async for records in read_topic(
            installation.brokers, installation.prefix + topic, installation.partitions
        )
        for record in records
    ]
    assert len(found) == 3000
    for record in found:
        event = json.loads(record.value or b"")
        customer = event.get("userId") or f"anon:{event['anonymousId']}"
        assert record.key == customer.encode()
        assert record.partition == partition_of(record.key, installation.partitions)
