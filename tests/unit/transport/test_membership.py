"""Members with a name: they say it in all they ask, and stop asking once it is somebody else's."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError, KafkaConnectionError, for_code
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetCommitResponse_v3
from aiokafka.protocol.group import HeartbeatRequest, HeartbeatResponse_v1, JoinGroupRequest

from streamproc.transport.membership import Name, NamedHeartbeat, NamedOffsetCommit, NameTaken

#: Versions of the broker by API key: a present one, and one that knows no names.
NEW = {8: (2, 9), 12: (0, 4)}
OLD = {8: (0, 3), 12: (0, 1)}
FENCED = 82


class Coordinator:
    """In the place of aiokafka's; answers with these, one after the other."""

    group_id, generation, member_id = "group", 7, "member"

    def __init__(self, *answers: Any) -> None:
        self.asked: list[Any] = []
        self._answers = list(answers)

    async def ensure_coordinator_known(self) -> None:
        """It is."""

    async def _send_req(self, request: Any) -> Any:
        self.asked.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def named(*answers: Any) -> tuple[Any, Name, list[str]]:
    """A coordinator, its member's name, and what was told of it."""
    told: list[str] = []
    coordinator: Any = Coordinator(*answers)
    return coordinator, Name(coordinator, "me", lambda: told.append("taken")), told


def heartbeat(code: int) -> HeartbeatResponse_v1:
    return HeartbeatResponse_v1(0, code)


async def test_heartbeats_say_the_name() -> None:
    """To a broker that knows of names."""
    coordinator, _, _ = named(heartbeat(0))
    await coordinator._send_req(HeartbeatRequest("group", 7, "member"))
    (asked,) = coordinator.asked
    assert isinstance(asked, NamedHeartbeat)
    assert asked.prepare(NEW).to_object() == {
        "group": "group",
        "generation_id": 7,
        "member_id": "member",
        "group_instance_id": "me",
    }
    assert "group_instance_id" not in asked.prepare(OLD).to_object()


async def test_commits_say_the_name() -> None:
    """Offsets and notes stay what they are; the epoch of the partition's leader is not known."""
    coordinator, _, _ = named(OffsetCommitResponse_v3(0, [("web", [(3, 0)])]))
    plain = OffsetCommitRequest("group", 7, "member", -1, [("web", [(3, 1001, "0/7")])])
    await coordinator._send_req(plain)
    (asked,) = coordinator.asked
    assert isinstance(asked, NamedOffsetCommit)
    new, old = asked.prepare(NEW), asked.prepare(OLD)
    assert (new.API_VERSION, old.API_VERSION) == (7, 3)
    assert new.group_instance_id == "me"
    assert new.topics == [("web", [(3, 1001, -1, "0/7")])]
    assert new.encode() != old.encode()
    assert old.topics == [("web", [(3, 1001, "0/7")])]


async def test_other_requests_are_left_alone() -> None:
    """aiokafka says the name when it joins."""
    coordinator, _, _ = named(SimpleNamespace(error_code=0))
    join = JoinGroupRequest("group", 1, 1, "", "me", "consumer", [])
    await coordinator._send_req(join)
    assert coordinator.asked == [join]


@pytest.mark.parametrize(
    "answer",
    [heartbeat(FENCED), OffsetCommitResponse_v3(0, [("web", [(3, 0)]), ("app", [(3, FENCED)])])],
    ids=["heartbeat", "commit"],
)
async def test_a_name_that_is_taken_is_told_once_and_the_group_asked_no_more(answer: Any) -> None:
    """Who joined again would take it back."""
    coordinator, _, told = named(answer)
    for _ in range(3):
        with pytest.raises(NameTaken):
            await coordinator._send_req(HeartbeatRequest("group", 7, "member"))
    assert told == ["taken"]
    assert len(coordinator.asked) == 1


@pytest.mark.parametrize("code", [22, 25, 27], ids=lambda code: for_code(code).__name__)
async def test_a_group_that_moves_on_confirms_nothing(code: int) -> None:
    """What a new generation brings comes with it."""
    _, name, told = named(heartbeat(code))
    with pytest.raises(IllegalStateError, match="moves on"):
        await name.confirm()
    assert told == []


async def test_a_name_is_confirmed_or_taken_or_nobody_says() -> None:
    """Brokers that do not answer forbid nothing: Redis fences as ever."""
    coordinator, name, told = named(heartbeat(0), KafkaConnectionError("away"), heartbeat(FENCED))
    await name.confirm()
    await name.confirm()
    assert told == []
    with pytest.raises(NameTaken):
        await name.confirm()
    assert told == ["taken"]
    assert len(coordinator.asked) == 3
