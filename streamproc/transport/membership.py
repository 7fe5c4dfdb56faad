"""Static membership: a worker that the group knows by name (Kafka's `group.instance.id`).

aiokafka 0.14 joins under a name, but does not say it in heartbeats and offset commits. A broker then cannot tell a
member whose name somebody else has taken from one that it has forgotten: both join again, each takes the name from
the other, for ever. Here every request says the name, and the first answer that it is somebody else's is the last.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, ClassVar, Final

from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import (
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    for_code,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetCommitRequest_v3, OffsetCommitResponse_v3
from aiokafka.protocol.group import HeartbeatRequest, HeartbeatRequest_v1, HeartbeatResponse_v1
from aiokafka.protocol.types import Array, Int16, Int32, Int64, Schema, String

from streamproc.errors import StreamprocError
from streamproc.transport.admin import open_admin
from streamproc.transport.brokers import Brokers

logger = logging.getLogger(__name__)

#: FENCED_INSTANCE_ID, which aiokafka does not know.
_FENCED: Final = 82
#: So many heartbeats a session must have room for: two may get lost.
_HEARTBEATS_MIN: Final = 3
_CONFIRM_TIMEOUT_S: Final = 5.0


def check_heartbeat(session_timeout_s: float, heartbeat_interval_s: float) -> None:
    """Raises StreamprocError if a member may lose its partitions because two heartbeats were late."""
    if heartbeat_interval_s > session_timeout_s / _HEARTBEATS_MIN:
        raise StreamprocError(
            f"STREAMPROC_HEARTBEAT_MS={heartbeat_interval_s * 1000:.0f} is more than a third of the session, "
            f"{session_timeout_s * 1000:.0f} ms",
            fix="make the heartbeat a third of STREAMPROC_SESSION_TIMEOUT_MS at most, or that longer",
        )


class NameTaken(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """Another worker has joined under our name; nothing more is asked of the group."""


class _HeartbeatRequest_v3(RequestStruct):  # type: ignore[misc]
    API_KEY = 12
    API_VERSION = 3
    RESPONSE_TYPE = HeartbeatResponse_v1
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("generation_id", Int32),
        ("member_id", String("utf-8")),
        ("group_instance_id", String("utf-8")),
    )


class NamedHeartbeat(Request[HeartbeatRequest_v1 | _HeartbeatRequest_v3]):  # type: ignore[misc]
    """A heartbeat that says the member's name, where the broker knows of names (2.3 and later)."""

    API_KEY = 12

    def __init__(self, group: str, generation_id: int, member_id: str, instance: str) -> None:
        self._plain, self._instance = (group, generation_id, member_id), instance

    def build(self, request_struct_class: type[RequestStruct]) -> RequestStruct:
        named = request_struct_class.API_VERSION >= 3
        return request_struct_class(*self._plain, *([self._instance] if named else []))


class _OffsetCommitRequest_v7(RequestStruct):  # type: ignore[misc]
    API_KEY = 8
    API_VERSION = 7
    RESPONSE_TYPE = OffsetCommitResponse_v3
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("generation_id", Int32),
        ("member_id", String("utf-8")),
        ("group_instance_id", String("utf-8")),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", String("utf-8")),
                    ),
                ),
            ),
        ),
    )


class NamedOffsetCommit(Request[OffsetCommitRequest_v3 | _OffsetCommitRequest_v7]):  # type: ignore[misc]
    """An offset commit that says the member's name."""

    API_KEY = 8
    _NO_LEADER_EPOCH: ClassVar[int] = -1

    def __init__(self, plain: OffsetCommitRequest, instance: str) -> None:
        self._plain, self._instance = plain, instance

    def build(self, request_struct_class: type[RequestStruct]) -> RequestStruct:
        plain = self._plain
        if request_struct_class.API_VERSION < 7:
            return plain.build(request_struct_class)
        topics = [
            (topic, [(partition, offset, self._NO_LEADER_EPOCH, note) for partition, offset, note in places])
            for topic, places in plain._topics
        ]
        member = (plain._consumer_group, plain._consumer_group_generation_id, plain._consumer_id)
        return request_struct_class(*member, self._instance, topics)


class Name:
    """Says the name in all that a member asks of the group. Belongs to the consumer's thread.

    `on_taken` is called once, when a broker says that another process has joined under the name.
    """

    def __init__(self, coordinator: GroupCoordinator, instance: str, on_taken: Callable[[], None]) -> None:
        self._coordinator, self._instance, self._on_taken = coordinator, instance, on_taken
        self._taken = False
        self._send = coordinator._send_req
        coordinator._send_req = self._send_named

    async def confirm(self) -> None:
        """Ask whether the name is still ours: who takes shards must not take them from the one that has it now.

        Raises NameTaken, and IllegalStateError if the group is about to be rebalanced. Says nothing if no broker
        answers.
        """
        coordinator = self._coordinator
        plain = HeartbeatRequest(coordinator.group_id, coordinator.generation, coordinator.member_id)
        try:
            async with asyncio.timeout(_CONFIRM_TIMEOUT_S):
                await coordinator.ensure_coordinator_known()  # who was stopped for long has forgotten it
                answer = await self._send_named(plain)
        except NameTaken:
            raise
        except (KafkaError, TimeoutError) as error:
            logger.warning("the group does not say whether it knows this worker: %r", error)
            return
        kind = for_code(answer.error_code)
        if kind in (RebalanceInProgressError, IllegalGenerationError, UnknownMemberIdError):
            raise IllegalStateError(f"the group moves on: {kind.__name__}")

    async def _send_named(self, request: Request[Any]) -> Response:
        if self._taken:
            raise NameTaken
        answer = await self._send(self._named(request))
        if _FENCED in _codes(answer):
            if not self._taken:
                self._taken = True
                self._on_taken()
            raise NameTaken  # aiokafka takes it for a broker that does not answer, and waits
        return answer

    def _named(self, request: Request[Any]) -> Request[Any]:
        if isinstance(request, HeartbeatRequest):
            return NamedHeartbeat(request._group, request._generation_id, request._member_id, self._instance)
        if isinstance(request, OffsetCommitRequest):
            return NamedOffsetCommit(request, self._instance)
        return request  # those to join and to sync have it


def _codes(answer: Response) -> set[int]:
    """The error codes in an answer about membership or offsets committed."""
    if isinstance(answer, OffsetCommitResponse_v3):
        return {code for _, places in answer.topics for _, code in places}
    return {getattr(answer, "error_code", 0)}


class _LeaveGroupResponse_v3(Response):  # type: ignore[misc]
    API_KEY = 13
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "members",
            Array(
                ("member_id", String("utf-8")),
                ("group_instance_id", String("utf-8")),
                ("error_code", Int16),
            ),
        ),
    )


class _LeaveGroupRequest_v3(RequestStruct):  # type: ignore[misc]
    API_KEY = 13
    API_VERSION = 3
    RESPONSE_TYPE = _LeaveGroupResponse_v3
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("members", Array(("member_id", String("utf-8")), ("group_instance_id", String("utf-8")))),
    )


class Removal(Request[_LeaveGroupRequest_v3]):  # type: ignore[misc]
    """Members leave the group, by name."""

    API_KEY = 13

    def __init__(self, group: str, instances: list[str]) -> None:
        self._group, self._instances = group, instances

    def build(self, request_struct_class: type[RequestStruct]) -> RequestStruct:
        return request_struct_class(self._group, [("", instance) for instance in self._instances])


async def remove(brokers: Brokers, group: str, instances: list[str]) -> dict[str, bool]:
    """Let static members leave the group for good; by name, whether the group had it.

    One that still runs joins again. Raises StreamprocError if the brokers do not answer or refuse.
    """
    try:
        async with open_admin(brokers) as client:
            coordinator = await client.find_coordinator(group)
            answer = await client._send_request(Removal(group, instances), coordinator)
    except (KafkaError, NotImplementedError) as error:  # the latter of brokers that do not know the request
        raise StreamprocError(
            f"the members of group {group} cannot be changed: {error!r}",
            fix="does the group exist, and may this user READ it? Brokers must be of version 2.4 or later",
        ) from error
    codes = {instance: code for _, instance, code in answer.members}
    worst = max(
        answer.error_code, *(code for code in codes.values() if code != UnknownMemberIdError.errno), 0
    )
    if worst:
        raise StreamprocError(
            f"the members of group {group} cannot be changed: {for_code(worst).__name__}",
            fix="does the group exist, and may this user READ it?",
        )
    return {instance: code == 0 for instance, code in codes.items()}
