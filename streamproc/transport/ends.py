"""Where logs end, asked by a client of its own: it answers whatever the consumer that reads them is doing."""

from collections.abc import Collection, Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streamproc.transport.brokers import Brokers
from streamproc.transport.owner import Unavailable

#: How long the brokers may take to answer.
_REQUEST_TIMEOUT_MS = 4_000


class LogEnds:
    """Connects when it is first asked: as long as all partitions are read, nobody has to ask."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._client: AIOKafkaConsumer | None = None

    async def ask(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The end of each of these logs, as far as committed transactions go. Raises Unavailable."""
        try:
            client = await self._connected()
            ends: Mapping[TopicPartition, int] = await client.end_offsets(list(places))
        except (KafkaError, OSError) as error:
            raise Unavailable(f"the brokers do not say where their logs end: {error!r}") from error
        return ends

    async def _connected(self) -> AIOKafkaConsumer:
        if self._client is None:
            client = AIOKafkaConsumer(
                **self._brokers.client_options(),
                isolation_level="read_committed",
                request_timeout_ms=_REQUEST_TIMEOUT_MS,
            )
            try:
                await client.start()
            except BaseException:
                await client.stop()
                raise
            self._client = client
        return self._client

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.stop()
