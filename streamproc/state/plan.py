"""What a rebuild is to do. All its processes read it in Redis, where it also keeps workers away until it is done."""

from collections.abc import Mapping
from typing import Final

import msgspec

from streamproc.errors import StreamprocError
from streamproc.state.store import Head

#: The control under which the plan is kept. No campaign has this key.
PLAN: Final = "*rebuild"
#: The head field that says up to which plan and commit a shard is built.
BUILT: Final = "built"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """From where to where each shard is built; lists are by partition, topics have no prefix.

    begins, ends: the offsets of the first record to apply and of the first one that is left to workers; a topic without
    ends is read until it has no more. until_ms: where to move each shard's time in the end. rewinds: the least epoch
    of versions. told_partitions: how many partitions the topics had when workers last told Kafka of them; 0: they
    never did. after: the group whose work is taken over; empty: nobody's or our own. goes_on: it still worked when the
    plan was made. emptied: what was there before is deleted. rests: all is built, and waits for that group to stop.
    """

    id: str
    partitions: int
    begins: Mapping[str, list[int]]
    ends: Mapping[str, list[int]]
    until_ms: list[int]
    rewinds: int
    told_partitions: int
    after: str = ""
    goes_on: bool = False
    restates: bool = True
    emptied: bool = True
    rests: bool = False

    @property
    def tells_failures(self) -> bool:
        """Whether records that are no events are still to go to `events.failed`: no worker has seen them yet."""
        return self.told_partitions == 0

    @property
    def moves_strays(self) -> bool:
        """Whether events of customers of other partitions are still to be brought there: no worker has done it."""
        return self.told_partitions != self.partitions

    def begin_of(self, topic: str, partition: int) -> int:
        """The offset of the first record to apply."""
        return self.begins[topic][partition]

    def end_of(self, topic: str, partition: int) -> int | None:
        """The offset of the first record that is left to workers; None: there is none."""
        ends = self.ends.get(topic)
        return None if ends is None else ends[partition]

    def mark_for(self, head: Head) -> Mapping[str, bytes]:
        """What the next commit on top of `head` says to its `extra`, so that the shard counts as built."""
        said = {BUILT: f"{self.id}/{head.seq + 1}".encode()}
        return {**said, "restate": b"1"} if self.restates else said

    def is_built(self, head: Head | None) -> bool:
        """Whether a shard is where this plan ended."""
        return (
            head is not None and is_untouched(head) and head.extra[BUILT].startswith(f"{self.id}/".encode())
        )


def is_untouched(head: Head) -> bool:
    """Whether nothing has been committed since a rebuild ended."""
    _, _, seq = head.extra.get(BUILT, b"").partition(b"/")
    return seq == b"%d" % head.seq


def plan_in(controls: Mapping[str, str]) -> Plan | None:
    """The plan under way. `controls`: as `Store.controls` has them. Raises StreamprocError if it cannot be read."""
    stored = controls.get(PLAN)
    if stored is None:
        return None
    try:
        return msgspec.json.decode(stored, type=Plan)
    except msgspec.DecodeError as error:
        raise StreamprocError(
            "the plan of the rebuild that is under way cannot be read: another version made it",
            fix="go on with that version, or begin anew: streamproc rebuild --abandon",
        ) from error


def packed(plan: Plan) -> str:
    """The plan as a control."""
    return msgspec.json.encode(plan).decode()


def keep_away(controls: Mapping[str, str]) -> None:
    """Raises StreamprocError if a rebuild is under way, or waits for its last step: a worker would go on in its middle,
    and say what is long past.
    """
    plan = plan_in(controls)
    if plan is not None and plan.rests:
        raise StreamprocError(
            f"the state was built beside the group {plan.after}, which went on since",
            fix=f"stop the workers of {plan.after}, then run `streamproc rebuild --group GROUP --after "
            f"{plan.after}` once more, with this group as GROUP; it takes seconds",
        )
    if plan is not None:
        raise StreamprocError(
            "the state of this group is being rebuilt, or a rebuild was interrupted",
            fix="let it end, or run `streamproc rebuild` again: it goes on where it stopped "
            "(to give it up: streamproc rebuild --abandon)",
        )
