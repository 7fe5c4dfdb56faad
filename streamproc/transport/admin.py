"""The admin client of Kafka, as all who ask or change something beside the stream have it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from streamproc.transport.brokers import Brokers
from streamproc.transport.connect import start

_REQUEST_TIMEOUT_MS: Final = 15_000


@asynccontextmanager
async def open_admin(brokers: Brokers) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that is connected. Raises StreamprocError if the brokers do not let it in."""
    client = AIOKafkaAdminClient(**brokers.client_options(), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await start(client, brokers)
        yield client
    finally:
        await client.close()
