"""Where logs stood at an instant, and how far back they reach, by the timestamps that Kafka keeps of records."""

from collections.abc import Iterable

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streamproc.errors import StreamprocError
from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import open_consumer

#: Earlier than every record.
_EVER_MS = 0


async def offsets_at(
    brokers: Brokers, places: Iterable[TopicPartition], at_ms: int
) -> dict[TopicPartition, tuple[int, int]]:
    """Offset and time (epoch ms) of the first record at or after an instant; partitions without one are left out.

    Raises StreamprocError if Kafka does not say.
    """
    wanted = list(places)
    async with open_consumer(brokers, wanted) as consumer:
        try:
            found = await consumer.offsets_for_times(dict.fromkeys(wanted, at_ms))
        except KafkaError as error:
            raise StreamprocError(
                f"Kafka does not say how old its records are: {error!r}", fix="see whether all brokers answer"
            ) from error
    return {place: (at.offset, at.timestamp) for place, at in found.items() if at is not None}


async def oldest_ms(brokers: Brokers, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """When the first record was made that each log still has; empty logs are left out. Raises as `offsets_at`."""
    found = await offsets_at(brokers, places, _EVER_MS)
    return {place: at_ms for place, (_, at_ms) in found.items()}
