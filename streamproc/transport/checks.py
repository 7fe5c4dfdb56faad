"""What a check-up asks Kafka. Nothing here changes anything."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import collect_hosts
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from aiokafka.protocol.admin import ApiVersionRequest, DescribeGroupsRequest
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.structs import TopicPartition

from streamproc.errors import StreamprocError
from streamproc.transport.brokers import Brokers
from streamproc.transport.connect import ask_at, knock

_REQUEST_TIMEOUT_MS: Final = 10_000
#: No topic has a partition of that number.
_NOWHERE: Final = 2**31 - 1
_METADATA: Final = MetadataRequest.API_KEY
#: From this version on a question about topics can be asked without creating them.
_METADATA_CREATING_NOTHING: Final = 4


@dataclass(frozen=True, slots=True)
class Door:
    """The address of a broker, and why it does not let us in; `error` empty: it does."""

    address: str
    error: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """doors: the addresses of the settings. advertised: those that the brokers tell their clients, behind the first.

    versions: of the protocol's requests by their number, lowest and highest that the brokers speak.
    """

    doors: tuple[Door, ...]
    advertised: tuple[Door, ...] = ()
    versions: Mapping[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the group: who it is, what it subscribes to, what it has been given."""

    name: str
    topics: frozenset[str]
    held: tuple[TopicPartition, ...]


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """`protocol`: name of the assignor. `committed`: what Kafka was told of the group, the next offset by place.

    `denied`: the user may not be in the group, and nothing else is known.
    """

    state: str = ""
    protocol: str = ""
    members: tuple[Member, ...] = ()
    committed: Mapping[TopicPartition, int] = field(default_factory=dict)
    denied: bool = False


async def look_at_brokers(brokers: Brokers) -> ClusterFacts:
    """Knock at every address of the settings, and at those that the brokers behind it tell."""
    hosts = [(host, port) for host, port, _ in collect_hosts(brokers.bootstrap, randomize=False)]
    doors = await _knock(brokers, hosts)
    if all(door.error for door in doors):
        return ClusterFacts(doors)
    # Asked at the door: a client would go on to the advertised addresses, and these may be closed.
    host, port = next(place for place, door in zip(hosts, doors, strict=True) if not door.error)
    try:
        metadata, answer = await ask_at(brokers, host, port, MetadataRequest([]), ApiVersionRequest())
    except (OSError, KafkaError, TimeoutError) as error:
        raise _unanswered(brokers, error) from error
    told = sorted({(broker["host"], broker["port"]) for broker in metadata.to_object()["brokers"]})
    versions = {key: (lowest, highest) for key, lowest, highest in answer.api_versions}
    return ClusterFacts(doors, await _knock(brokers, told), versions)


def through(brokers: Brokers, doors: Iterable[Door]) -> Brokers:
    """The same brokers by those of their addresses that let us in, so that no question waits for the others."""
    return replace(brokers, bootstrap=",".join(door.address for door in doors if not door.error))


async def _knock(brokers: Brokers, hosts: Sequence[tuple[str, int]]) -> tuple[Door, ...]:
    errors = await asyncio.gather(*(knock(brokers, host, port) for host, port in hosts))
    return tuple(
        Door(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            error.message if error else "",
            error.fix if error else "",
        )
        for (host, port), error in zip(hosts, errors, strict=True)
    )


async def forbidden_topics(
    brokers: Brokers, names: Sequence[str], written: Sequence[str], versions: Mapping[int, tuple[int, int]]
) -> tuple[list[str], list[str]]:
    """Of `names`, those that the user may not see; of `written`, those that exist and that it may not write.

    Brokers that know no users are not asked.
    """
    if brokers.protocol == "PLAINTEXT" or versions.get(_METADATA, (0, 0))[1] < _METADATA_CREATING_NOTHING:
        return [], []
    denied = TopicAuthorizationFailedError.errno
    async with _client(brokers) as client:
        # A topic that may not be seen is left out where all are asked for, and looks as if it were missing.
        answer = (await _ask(client, MetadataRequest(list(names), False))).to_object()
        hidden = [topic["topic"] for topic in answer["topics"] if topic["error_code"] == denied]
        written = [name for name in written if name not in hidden]
        return hidden, await _unwritable(client, written) if written else []


async def _unwritable(client: AIOKafkaClient, names: Sequence[str]) -> list[str]:
    """Whether we may write is looked at before whether there is such a partition, so nothing is written."""
    places = [(name, [(_NOWHERE, b"")]) for name in names]
    try:
        sent = await _ask(client, ProduceRequest(None, 1, _REQUEST_TIMEOUT_MS, places))
    except KafkaError:  # brokers of others may look at the records first, and then we do not know
        return []
    denied = TopicAuthorizationFailedError.errno
    return [
        name for name, partitions in sent.topics if any(partition[1] == denied for partition in partitions)
    ]


async def look_at_group(brokers: Brokers, group: str, places: Sequence[TopicPartition]) -> GroupFacts:
    """Who is in the consumer group, and how far it is said to be in `places`.

    Raises StreamprocError if the brokers do not say.
    """
    wanted: dict[str, list[int]] = {}
    for place in places:
        wanted.setdefault(place.topic, []).append(place.partition)
    async with _client(brokers) as client:
        found = await _ask(client, FindCoordinatorRequest(group, 0))
        if found.error_code == GroupAuthorizationFailedError.errno:
            return GroupFacts(denied=True)
        if found.error_code:  # the first member of the first group makes the brokers' own topic
            return GroupFacts()
        answer = await _ask(client, DescribeGroupsRequest([group]), found.coordinator_id)
        told_offsets = await _ask(
            client, OffsetFetchRequest(group, list(wanted.items())), found.coordinator_id
        )
    committed = {
        TopicPartition(topic, partition): offset
        for topic, partitions in told_offsets.topics
        for partition, offset, _, error in partitions
        if not error and offset >= 0
    }
    (told,) = answer.to_object()["groups"]
    if told["error_code"] == GroupAuthorizationFailedError.errno:
        return GroupFacts(denied=True)
    return GroupFacts(told["state"], told["protocol"], tuple(map(_member, told["members"])), committed)


def _member(told: Mapping[str, Any]) -> Member:
    name = f"{told['client_id']} at {told['client_host'].lstrip('/')}"
    try:
        wanted = ConsumerProtocolMemberMetadata.decode(told["member_metadata"])
        given = ConsumerProtocolMemberAssignment.decode(told["member_assignment"])
    except (ValueError, TypeError, struct.error):  # a member that is no consumer, or is just joining
        return Member(name, frozenset(), ())
    return Member(name, frozenset(wanted.subscription), tuple(given.partitions()))


@asynccontextmanager
async def _client(brokers: Brokers) -> AsyncIterator[AIOKafkaClient]:
    """A client that knows the brokers. Raises StreamprocError for what goes wrong with it."""
    client = AIOKafkaClient(**brokers.client_options(), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await client.bootstrap()
        yield client
    except (KafkaError, TimeoutError) as error:
        raise _unanswered(brokers, error) from error
    finally:
        await client.close()


def _unanswered(brokers: Brokers, error: Exception) -> StreamprocError:
    return StreamprocError(
        f"Kafka at {brokers.bootstrap} does not answer a question: {error!r}",
        fix="look at the brokers' logs, and at the findings about their addresses",
    )


async def _ask(client: AIOKafkaClient, request: Any, node: int | None = None) -> Any:
    return await client.send(client.get_random_node() if node is None else node, request)
