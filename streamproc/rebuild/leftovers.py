"""What workers have committed, told Kafka of and not sent before they stopped: who takes over counts it as said."""

from collections.abc import Mapping
from typing import Final

from aiokafka.errors import KafkaError

from streamproc.contracts.outbox import unpack
from streamproc.contracts.versions import raise_version
from streamproc.errors import StreamprocError
from streamproc.state.store import Store, place_of
from streamproc.transport.brokers import Brokers
from streamproc.transport.outlet import Outgoing, Outlet, open_client

_BATCH_RECORDS: Final = 1_000


async def send_leftovers(store: Store, brokers: Brokers, prefix: str, told: Mapping[int, int]) -> int:
    """Send what is left in the outboxes of a group without members, and how much that was.

    `told`: partition -> the last commit that Kafka was told of. What came later is not sent: it will happen anew. Sent
    again, each record has the same bytes. Raises StreamprocError if Kafka does not take it.
    """
    records = []
    for partition, seq in sorted(told.items()):
        head, after = await store.read_head(partition), None
        while head is not None:
            entries = await store.outbox_read(head, after, _BATCH_RECORDS)
            for entry in entries:
                if place_of(entry.id)[0] <= seq:
                    record = unpack(entry.record)
                    records.append(raise_version(record, head.rewinds) if head.rewinds else record)
            if len(entries) < _BATCH_RECORDS:
                break
            after = entries[-1].id
    if records:
        try:
            async with open_client(brokers) as client:
                await Outlet(client).send(
                    [
                        Outgoing(prefix + record.topic, record.key, record.value, record.headers)
                        for record in records
                    ]
                )
        except KafkaError as error:
            raise StreamprocError(
                f"Kafka does not take {len(records):,} signals that workers had left unsent: {error!r}",
                fix="do the brokers answer, and may this user write to the topics of signals?",
            ) from error
    return len(records)
