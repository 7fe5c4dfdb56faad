"""What Kafka knows of consumer groups without being a member: who is in one, and how far it has come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, for_code
from aiokafka.structs import TopicPartition

from streamproc.errors import StreamprocError
from streamproc.transport.admin import open_admin
from streamproc.transport.brokers import Brokers
from streamproc.transport.owner import Progress

#: The first question about a group makes the brokers' own topic of groups; that takes some seconds.
_COORDINATOR_WITHIN_S: Final = 15.0
_PAUSE_S: Final = 0.3


async def member_count(brokers: Brokers, group: str) -> int:
    """How many members a group has now. Raises StreamprocError if Kafka does not say."""
    async with _asking(brokers, group) as admin:
        answers: list[Any] = await admin.describe_consumer_groups([group])
        for answer in answers:
            for error_code, name, _, _, _, members, *_ in answer.groups:
                if error_code:
                    raise for_code(error_code)()
                if name == group:
                    return len(members)
        return 0


async def told_progress(brokers: Brokers, group: str) -> dict[TopicPartition, Progress]:
    """What Kafka keeps of the work of a group, with its notes. Raises StreamprocError if Kafka does not say."""
    async with _asking(brokers, group) as admin:
        kept = await admin.list_consumer_group_offsets(group)
    return {
        place: Progress(found.offset, found.metadata) for place, found in kept.items() if found.offset >= 0
    }


@asynccontextmanager
async def _asking(brokers: Brokers, group: str) -> AsyncIterator[AIOKafkaAdminClient]:
    try:
        async with open_admin(brokers) as client:
            await _coordinator(client, group)
            yield client
    except KafkaError as error:
        raise StreamprocError(
            f"Kafka does not say what it knows of the group {group}: {error!r}",
            fix="see whether the brokers answer, and whether this user may READ and DESCRIBE the group",
        ) from error


async def _coordinator(client: AIOKafkaAdminClient, group: str) -> None:
    """Return once there is one. Raises KafkaError."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + _COORDINATOR_WITHIN_S
    while True:
        try:
            await client.find_coordinator(group)
        except GroupCoordinatorNotAvailableError:
            if loop.time() > deadline_s:
                raise
            await asyncio.sleep(_PAUSE_S)
        else:
            return
