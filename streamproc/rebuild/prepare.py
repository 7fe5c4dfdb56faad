"""Before a rebuild: may it begin, and from where to where does it go?

It ends where Kafka was told that the work of the workers before it ended: offsets, and beside them the shard's time, so
that what they have said is not said again, and what came due afterwards is said by those who come. Where nobody has
worked yet, it ends where the logs end now.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from aiokafka.structs import TopicPartition

from streamproc.clock import wall_ms
from streamproc.errors import StreamprocError
from streamproc.rebuild.history import Bounds, begins_of
from streamproc.rebuild.leftovers import send_leftovers
from streamproc.sources import SOURCES
from streamproc.state.plan import PLAN, Plan, is_untouched, packed, plan_in
from streamproc.state.rewinds import read_note, time_in
from streamproc.state.store import Head, Store
from streamproc.transport.ages import offsets_at
from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import log_bounds, partition_counts
from streamproc.transport.groups import member_count, told_progress
from streamproc.transport.owner import Progress
from streamproc.transport.topics import Topics

_REKEY: Final = Topics().rekey
#: A plan that is there for so long is not replaced by that of a process that began at the same moment.
_SETTLED_S: Final = 0.5
#: How often a process looks whether another one has deleted the old state.
_LOOKS_MAX: Final = 60
_MEMBERS_FIX: Final = (
    "stop them; who was killed stays a member for the session timeout, one with a name until "
    "`streamproc members remove NAME`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for. Instants are epoch ms; None: not given."""

    after: str = ""
    from_ms: int | None = None
    until_ms: int | None = None
    wipe: bool = False
    accept_partial: bool = False
    restates: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group's state and its records are. `prefix`: of the topics. `after`: state of the group to take over."""

    store: Store
    brokers: Brokers
    prefix: str
    group: str
    after: Store | None = None

    async def heads(self, partitions: int) -> list[Head | None]:
        """Of all shards."""
        return [await self.store.read_head(partition) for partition in range(partitions)]


async def prepare(place: Place, wish: Wish) -> Plan:
    """The plan to go by: the one under way, or a new one, which is kept in Redis from now on.

    Raises StreamprocError where it must not begin.
    """
    topics = [place.prefix + topic for topic in SOURCES]
    counts = await partition_counts(place.brokers, place.prefix, topics)
    if len(set(counts.values())) > 1:
        raise StreamprocError(
            "the source topics have different numbers of partitions: "
            + ", ".join(f"{topic} {count}" for topic, count in counts.items()),
            fix="they must all have the same; see streamproc topics list",
        )
    partitions = counts[topics[0]]
    plan = plan_in(await place.store.controls())
    if plan is not None and plan.partitions != partitions:
        raise StreamprocError(
            f"the rebuild under way is of {plan.partitions} partitions, the topics have {partitions} now",
            fix="give it up, and begin anew: streamproc rebuild --abandon",
        )
    if plan is not None and wish.after != plan.after:
        other = f"--after {plan.after}" if plan.after else "without --after"
        raise StreamprocError(
            "another rebuild of this group is under way",
            fix=f"go on with it ({other}), or give it up (--abandon)",
        )
    if plan is None or plan.rests:
        if members := await member_count(place.brokers, place.group):
            raise StreamprocError(
                f"the group {place.group} has members ({members}): its workers run", fix=_MEMBERS_FIX
            )
        made = await _begin(place, wish, partitions, None if wish.wipe else plan)
        mine, plan = made.id, await _agree(place, made, plan)
        if plan.id != mine and not plan.emptied:
            plan = await _when_emptied(place, plan)
    if not plan.emptied:
        await empty(place.store, partitions)
        plan = msgspec.structs.replace(plan, emptied=True)
        await place.store.set_control(PLAN, packed(plan))
    return plan


async def _agree(place: Place, made: Plan, before: Plan | None) -> Plan:
    """Processes that begin at the same moment go by one plan: the first that is there, or of two at once the last."""
    found = plan_in(await place.store.controls())
    if found is not None and (before is None or found.id != before.id):
        return found
    await place.store.set_control(PLAN, packed(made))
    await asyncio.sleep(_SETTLED_S)
    return plan_in(await place.store.controls()) or made


async def _when_emptied(place: Place, plan: Plan) -> Plan:
    """The plan of another process, once that has deleted what was there before; or as it is, if it never does."""
    for _ in range(_LOOKS_MAX):
        found = plan_in(await place.store.controls())
        if found is None or found.emptied:
            return found or plan
        await asyncio.sleep(_SETTLED_S)
    return plan


async def _begin(place: Place, wish: Wish, partitions: int, rests: Plan | None) -> Plan:
    """A new plan. `rests`: the one whose work it goes on with."""
    heads = [head for head in await place.heads(partitions) if head is not None]
    goes_further = rests is not None or (bool(heads) and all(map(is_untouched, heads)) and not wish.wipe)
    if heads and not goes_further and not wish.wipe:
        customers = sum([await place.store.customers(head.partition) for head in heads])
        raise StreamprocError(
            f"the group {place.group} has state: {customers:,} customers in {len(heads)} shards",
            fix="to make it anew in its place, add --wipe; to build it beside, name another group: --group",
        )
    found = await log_bounds(place.brokers, [place.prefix + topic for topic in SOURCES], partitions)
    bounds = {
        topic: [found[place.prefix + topic, partition] for partition in range(partitions)]
        for topic in SOURCES
    }
    begins = await begins_of(
        place.brokers,
        place.prefix,
        bounds,
        wish.from_ms,
        accept_partial=wish.accept_partial or goes_further,
    )
    source = wish.after or place.group
    # Before Kafka is asked how far it has come: who has no members says nothing more.
    goes_on = bool(wish.after) and await member_count(place.brokers, wish.after) > 0
    told = {
        TopicPartition(tp.topic.removeprefix(place.prefix), tp.partition): progress
        for tp, progress in (await told_progress(place.brokers, source)).items()
        if tp.topic.startswith(place.prefix) and tp.topic.removeprefix(place.prefix) in SOURCES
    }
    if wish.after and not told:
        raise StreamprocError(
            f"Kafka knows of no work of a group {wish.after}",
            fix="is that its name, and are the topics (STREAMPROC_TOPIC_PREFIX) its own?",
        )
    if not goes_on:
        await _take_leave(place, wish, told)
    plan = Plan(
        id=secrets.token_hex(4),
        partitions=partitions,
        begins=begins,
        ends={},
        until_ms=[],
        rewinds=1 + max((read_note(progress.note)[0] for progress in told.values()), default=-1),
        told_partitions=1 + max((tp.partition for tp in told), default=-1),
        after=wish.after,
        goes_on=goes_on,
        restates=wish.restates,
        emptied=not wish.wipe,
    )
    return await _with_ends(place, plan, bounds, told, wish)


async def _with_ends(
    place: Place, plan: Plan, bounds: Bounds, told: Mapping[TopicPartition, Progress], wish: Wish
) -> Plan:
    partitions = range(plan.partitions)
    if wish.until_ms is not None:
        places = [TopicPartition(place.prefix + topic, p) for topic in bounds for p in partitions]
        found = await offsets_at(place.brokers, places, wish.until_ms)
        ends = {
            topic: [
                found.get(TopicPartition(place.prefix + topic, p), (end, 0))[0]
                for p, (_, end) in enumerate(each)
            ]
            for topic, each in bounds.items()
        }
        until_ms = [wish.until_ms for _ in partitions]
    elif told:
        ends = {
            topic: [_told_end(told, topic, p, *each[p]) for p in partitions] for topic, each in bounds.items()
        }
        times = [
            max((time_in(one.note) for tp, one in told.items() if tp.partition == p), default=0)
            for p in partitions
        ]
        # Of a shard that nobody knew of: topics have more partitions now, and customers have come from others.
        until_ms = [time_ms or (max(times) if plan.moves_strays else 0) for time_ms in times]
    else:
        ends = {topic: [end for _, end in each] for topic, each in bounds.items()}
        until_ms = [wall_ms()] * plan.partitions
    if plan.moves_strays:
        # What the rebuild itself brings to other partitions belongs to it.
        ends = {topic: of_topic for topic, of_topic in ends.items() if topic != _REKEY}
    return msgspec.structs.replace(plan, ends=ends, until_ms=until_ms)


def _told_end(
    told: Mapping[TopicPartition, Progress], topic: str, partition: int, first: int, end: int
) -> int:
    """How far a log is known to have been read; all of it if it has been made anew since."""
    progress = told.get(TopicPartition(topic, partition))
    if progress is None:
        return first
    return end if progress.offset > end else max(progress.offset, first)


async def _take_leave(place: Place, wish: Wish, told: Mapping[TopicPartition, Progress]) -> None:
    """What workers that have stopped leave behind beside their state: unsent signals, and who is paused."""
    leaving = place.after if wish.after else place.store
    if leaving is None or not (wish.after or wish.wipe):
        return
    reached = {
        p: max(read_note(progress.note)[1] for tp, progress in told.items() if tp.partition == p)
        for p in {tp.partition for tp in told}
    }
    await send_leftovers(leaving, place.brokers, place.prefix, reached)
    known = await place.store.controls()
    for name, value in (await leaving.controls()).items():
        if name not in known and name != PLAN:
            await place.store.set_control(name, value)


async def empty(store: Store, partitions: int) -> int:
    """Delete all customers; how many there were. Shards beyond `partitions` go, too, if the state knows of them."""
    head = await store.read_head(0)
    known = max(partitions, 0 if head is None else head.partitions)
    return sum([await store.wipe(partition) for partition in range(known)])
