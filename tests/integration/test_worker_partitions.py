"""Events of producers with another partitioner: brought to their partition, and counted once."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from streamproc.features.registry import FEATURES
from streamproc.transport.partitioner import crc32_partition
from tests.integration.worker import Installation, Logs, event
from tests.reference.lives import DAY_MS, HOUR_MS
from tests.reference.partition import partition_of
from tests.reference.record import Record

pytestmark = pytest.mark.usefixtures("require_apache_kafka")

END_MS = 1_780_272_000_000
CUSTOMERS = 60


def logs_by(partition: Callable[[str], int]) -> Logs:
    """Three days of events of all customers, each sent twice, as a producer with this partitioner writes them."""
    logs: dict[tuple[str, int], list[Record]] = {}
    for hour in range(72):
        for n in range(hour % 5, CUSTOMERS, 5):
            customer, at_ms = f"customer-{n}", END_MS - 4 * DAY_MS + hour * HOUR_MS + n * 1_000
            topic = ("events.web", "events.app", "events.support")[(hour + n) % 3]
            name = "Order Completed" if hour % 7 == 0 else "Product Viewed"
            value = event(customer, at_ms, hour, name, revenue=10)
            log = logs.setdefault((topic, partition(customer)), [])
            log += [Record(len(log) + i, customer.encode(), value) for i in range(2)]
    return logs


async def test_crc32_partitioning(installation: Installation) -> None:
    """What librdkafka's default partitioner misplaces is re-keyed and counted once; features are the same."""
    logs = logs_by(lambda customer: crc32_partition(customer.encode(), 3))
    await installation.publish(logs)
    worker = installation.run_until(END_MS, log_level="info")
    right = replace(installation, prefix=installation.prefix + "b.")
    await right.create_topics()
    await right.publish(logs_by(lambda customer: partition_of(customer, 3)))
    right.run_until(END_MS)
    found, wanted = await installation.customers(), await right.customers()
    assert found.features.keys() == wanted.features.keys()
    free = [name for name in FEATURES if FEATURES[name].order_free]
    for customer, features in wanted.features.items():
        assert {name: found.features[customer][name] for name in free} == {
            name: features[name] for name in free
        }
    misplaced = sum(
        partition_of(record.key.decode(), 3) != partition
        for (_, partition), log in logs.items()
        for record in log
        if record.key
    )
    ends = await installation.ends()
    assert sum(end for (topic, _), end in ends.items() if topic == "streamproc.rekey") == misplaced > 0
    assert (await installation.published()).failures() == {}
    assert not re.search(r"\berror\b", worker.text), worker.text


async def test_mixed_partitioning(installation: Installation) -> None:
    """A customer whose events come from both kinds of producer is one customer, in one shard."""
    logs: dict[tuple[str, int], list[Record]] = {}
    for n in range(CUSTOMERS):
        customer = f"customer-{n}"
        homes = partition_of(customer, 3), crc32_partition(customer.encode(), 3)
        for hour in range(10):
            value = event(customer, END_MS - DAY_MS + hour * HOUR_MS, hour)
            log = logs.setdefault(("events.web", homes[hour % 2]), [])
            log.append(Record(len(log), customer.encode(), value))
    await installation.publish(logs)
    installation.run_until(END_MS)
    found = await installation.customers()
    assert {customer: features["events_total"] for customer, features in found.features.items()} == {
        f"customer-{n}": (10, True) for n in range(CUSTOMERS)
    }
