"""Why a shard could not be acquired, in words; both stores say it the same way."""

from collections.abc import Sequence
from dataclasses import dataclass

from streamproc.state.store import Fenced, StateCorrupt, StateMismatch, StateMissing, StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Bid:
    """What `Store.acquire` compares with the stored head."""

    partition: int
    generation: int
    member: str
    partitions: int
    layout: int


_RESTORE = (
    "in a Redis Cluster try redis-cli --cluster fix first; restore Redis from one backup, or make the state anew: "
    "streamproc rebuild --wipe"
)
_FOREIGN = "something else writes to this Redis; docs/state.md lists our keys"

#: First word of a refusal of acquire.lua -> error, message, what to do. {0}, {1} stand for the words that
#: follow.
_REFUSALS: dict[str, tuple[type[StoreError], str, str]] = {
    "fenced": (
        Fenced,
        "a worker of generation {0} has it, ours is {bid.generation}",
        "rejoin the group; if the consumer group was deleted and made anew, its generations started again "
        "at 1: stop all workers and run `streamproc state reset-generation`",
    ),
    "layout": (
        StateMismatch,
        "the state has layout {0}, this program reads layout {bid.layout}",
        "run the version that wrote it, or make the state anew: streamproc rebuild --wipe",
    ),
    "partitions": (
        StateMismatch,
        "the state is of topics with {0} partitions, they have {bid.partitions} now",
        "go back to that number, or make the state anew: streamproc rebuild --wipe",
    ),
    "missing": (
        StateMissing,
        "there is no state, though the group has read from this partition before",
        "restore Redis from its backup, or make the state anew from the topics: streamproc rebuild",
    ),
    "orphaned": (StateCorrupt, "the head is gone, but {0} is there", _RESTORE),
    "ahead": (StateCorrupt, "the outbox has had entry {0}, but the head counts {1} commits", _RESTORE),
    "gone": (StateCorrupt, "the key {0} is gone: evicted, or deleted by something else", _RESTORE),
    "wrongtype": (StateCorrupt, "the key {0} is a {1}", _FOREIGN),
}


def gone(partition: int, key: bytes) -> StoreError:
    """The error for a key that is not there any more, though nothing of ours deletes it."""
    error, message, fix = _REFUSALS["gone"]
    return error(f"partition {partition}: {message.format(key.decode())}", fix=fix)


def refused(bid: Bid, reason: str, stored: Sequence[str] = ()) -> StoreError:
    """The error for `reason`, the first word of a refusal of acquire.lua, with the words that follow it."""
    error, message, fix = _REFUSALS[reason]
    return error(f"partition {bid.partition}: {message.format(*stored, bid=bid)}", fix=fix)
