"""RedisStore and MemoryStore give the same answers to the same requests, whatever they are."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamproc.state.memory_store import MemoryStore
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Commit, Head, Store, StoreError

CUSTOMERS = st.sampled_from([b"a", b"b", b"c", b"\x00\r\n", b"anon:7"])
MINUTES = st.integers(0, 4)
ENTRIES = st.lists(st.binary(min_size=2, max_size=4), max_size=3)
TOPICS = st.sampled_from(["web", "app"])
NUMBERS = st.integers(-(2**63), 2**63 - 1)
COMMITS = st.builds(
    Commit,
    states=st.lists(st.tuples(CUSTOMERS, st.binary(max_size=5)), max_size=4),
    consumed_minutes=st.sets(MINUTES, max_size=2),
    due=st.dictionaries(MINUTES, ENTRIES, max_size=2),
    outbox=st.lists(st.binary(max_size=5), max_size=3),
    offsets=st.dictionaries(TOPICS, NUMBERS, max_size=2),
    max_ms=st.dictionaries(TOPICS, NUMBERS, max_size=2),
    time_ms=st.none() | NUMBERS,
    extra=st.dictionaries(st.sampled_from(["rules", "n"]), st.binary(max_size=5), max_size=2),
)
#: (what to do, argument): each is done with the newest head, or with the one that is `stale` acquisitions or
#: commits older.
STEPS = st.lists(
    st.tuples(st.just("acquire"), st.integers(0, 3), st.booleans())
    | st.tuples(st.just("commit"), COMMITS, st.sampled_from([0, 0, 0, 0, 1, 2]))
    | st.tuples(st.just("trim"), st.tuples(st.integers(0, 6), st.integers(0, 2)), st.integers(0, 2))
    | st.tuples(st.just("reset_generation"), st.none(), st.none())
    | st.tuples(st.just("wipe"), st.none(), st.none()),
    min_size=3,
    max_size=12,
)


class Run:
    """One store, and the heads it gave out."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.heads: list[Head] = []

    async def step(self, what: str, argument: Any, option: Any) -> object:
        """The answer to one request, with what differs by chance left out."""
        try:
            return await self._step(what, argument, option)
        except StoreError as refused:
            return type(refused)

    async def _step(self, what: str, argument: Any, option: Any) -> object:
        if what == "reset_generation":
            return await self.store.reset_generation(0)
        if what == "wipe":
            return await self.store.wipe(0)
        if what == "acquire":
            head = await self.store.acquire(
                0,
                generation=argument,
                member="g",
                partitions=2,
                layout=1,
                offsets_if_new={"web": argument},
                create=option,
            )
            self.heads.append(head)
            return same(head)
        if option >= len(self.heads):
            return None
        head = self.heads[-1 - option]
        if what == "trim":
            return await self.store.outbox_trim(head, "{}-{}".format(*argument))
        after = await self.store.commit(head, argument)
        self.heads.append(after)
        return same(after)

    async def view(self) -> dict[str, object]:
        """Everything that can be read without changing it."""
        stored = await self.store.read_head(0)
        view: dict[str, object] = {"length": await self.store.outbox_length(0)}
        if stored is None:
            return view | {"customers": await self.store.customers(0)}
        return view | {
            "head": same(stored),
            "states": sorted((await self.store.scan(stored, 0, 100))[1]),
            "due": [(m, await self.store.due_entries(stored, m)) for m in await self.store.minutes(stored)],
            "outbox": await self.store.outbox_read(stored, None, 100),
        }


def same(head: Head) -> object:
    """A head without what must differ between two stores: the owner, and the commit id made from it."""
    return [getattr(head, name) for name in Head.__slots__ if name not in ("owner", "commit")]


@given(STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_twins_agree(redis_db: str, steps: list[tuple[str, Any, Any]]) -> None:
    """Any history of acquisitions, commits, zombies, trims and wipes, compared after every step."""

    async def compare() -> None:
        memory, redis = MemoryStore(), RedisStore(redis_db, prefix="twin.", group="g")
        await redis.wipe(0)
        ours, theirs = Run(memory), Run(redis)
        try:
            for step in [("acquire", 1, True), *steps]:
                assert await ours.step(*step) == await theirs.step(*step), step
                assert await ours.view() == await theirs.view(), step
        finally:
            await redis.aclose()

    asyncio.run(compare())
