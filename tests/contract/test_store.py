"""What every state store promises, on Redis and on its twin in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from streamproc.errors import StreamprocError
from streamproc.state.keys import due_entry, minute_of
from streamproc.state.memory_store import MemoryStore
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import (
    Commit,
    Fenced,
    Head,
    StateMismatch,
    StateMissing,
    Store,
    Superseded,
)

WEB, APP = "p.events.web", "p.events.app"
NASTY = [b"\x00", b"\xff\xfe", b"\r\n$3\r\nfoo", b"{0}:head", "anon:Zoë ☕".encode(), b" ", b"*", b"%s%d"]


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """A store with nothing in it."""
    if request.param == "memory":
        memory: Store = MemoryStore()
        yield memory
        return
    redis: Store = RedisStore(request.getfixturevalue("redis_db"), prefix="p.", group="g")
    yield redis
    await redis.aclose()


async def acquire(store: Store, partition: int = 0, **overrides: Any) -> Head:
    wanted: dict[str, Any] = {
        "generation": 1,
        "member": "g@1",
        "partitions": 12,
        "layout": 1,
        "offsets_if_new": {WEB: 0, APP: 7},
        "create": True,
    }
    return await store.acquire(partition, **{**wanted, **overrides})


async def everything(store: Store, partition: int = 0) -> dict[str, Any]:
    """All that the shard holds, read by an observer who acquires it."""
    stored = await store.read_head(partition)
    assert stored is not None
    head = await acquire(store, partition, generation=max(stored.generation, 1))
    cursor, states = await store.scan(head, 0, 100)
    while cursor:
        cursor, more = await store.scan(head, cursor, 100)
        states += more
    return {
        "head": replace(stored, epoch=0, owner="", generation=0),
        "states": dict(states),
        "due": {minute: await store.due_entries(head, minute) for minute in await store.minutes(head)},
        "outbox": await store.outbox_read(head, None, 1_000_000),
    }


def some_commit(**changes: Any) -> Commit:
    return Commit(
        **{
            "states": [(b"ann", b"A1"), (b"bob", b"B1")],
            "due": {5: [due_entry(5 * 60_000 + 30_000, b"ann")]},
            "outbox": [b"entered", b"risk"],
            "offsets": {WEB: 2},
            "max_ms": {WEB: 1_000},
            "time_ms": 1_000,
            "extra": {"rules": b'{"v": 1}'},
            **changes,
        }
    )


# --- acquire -----------------------------------------------------------------------------------------------


async def test_a_new_shard_starts_at_the_given_offsets(store: Store) -> None:
    head = await acquire(store, 3)
    assert (head.partition, head.partitions, head.layout, head.epoch, head.seq) == (3, 12, 1, 1, 0)
    assert head.offsets == {WEB: 0, APP: 7}
    assert (head.max_ms, head.extra, head.time_ms, head.rewinds) == ({}, {}, None, 0)
    assert await store.read_head(3) == head


async def test_a_missing_shard_is_not_created_unasked(store: Store) -> None:
    """Redis empty while the group has read before: stop, do not begin anew."""
    with pytest.raises(StateMissing) as missing:
        await acquire(store, create=False)
    assert missing.value.fix
    assert await store.read_head(0) is None


async def test_acquire_finds_what_was_committed(store: Store) -> None:
    """A later owner continues at the stored offsets; only topics that are new start where the caller says."""
    await store.commit(await acquire(store), some_commit())
    head = await acquire(store, generation=2, create=False, offsets_if_new={WEB: 99, "new": 5})
    assert head.offsets == {WEB: 2, APP: 7, "new": 5}
    assert (head.seq, head.time_ms, head.max_ms) == (1, 1_000, {WEB: 1_000})
    assert head.extra == {"rules": b'{"v": 1}'}
    assert await store.read_head(0) == head


async def test_every_acquire_raises_the_epoch_and_has_an_owner_of_its_own(store: Store) -> None:
    first, second = await acquire(store), await acquire(store)
    assert second.epoch == first.epoch + 1
    assert second.owner != first.owner


async def test_an_older_generation_is_fenced(store: Store) -> None:
    """A worker that stalled through a rebalance must not evict the new owner."""
    head = await acquire(store, generation=8)
    with pytest.raises(Fenced, match="8"):
        await acquire(store, generation=7)
    assert await store.reload(head) == head
    await acquire(store, generation=8)


async def test_generations_count_within_one_life_of_the_group(store: Store) -> None:
    """They start again when a group is deleted and made anew."""
    await acquire(store, generation=8, member="g@1")
    head = await acquire(store, generation=1, member="g@2")
    assert (head.generation, head.member) == (1, "g@2")


async def test_the_generation_can_be_reset(store: Store) -> None:
    await acquire(store, generation=8)
    assert await store.reset_generation(0) is True
    assert (await acquire(store, generation=1)).generation == 1
    assert await store.reset_generation(1) is False
    assert await store.read_head(1) is None


@pytest.mark.parametrize(("changed", "names"), [({"layout": 2}, "layout 1"), ({"partitions": 6}, "12")])
async def test_another_layout_or_partition_count_is_refused(
    store: Store, changed: dict[str, int], names: str
) -> None:
    head = await acquire(store)
    with pytest.raises(StateMismatch, match=names) as refused:
        await acquire(store, **changed)
    assert refused.value.fix
    assert await store.reload(head) == head


# --- commit ------------------------------------------------------------------------------------------------


async def test_a_commit_changes_all_of_it(store: Store) -> None:
    head = await store.commit(await acquire(store), some_commit())
    assert head.seq == 1
    assert await store.read_head(0) == head
    assert await store.load(head, [b"bob", b"nobody", b"ann", b"bob"]) == [b"B1", None, b"A1", b"B1"]
    assert await store.minutes(head) == [5]
    assert await store.due_entries(head, 5) == [(330_000, b"ann")]
    assert await store.outbox_read(head, None, 10) == [("1-0", b"entered"), ("1-1", b"risk")]


async def test_commits_build_on_each_other(store: Store) -> None:
    """What a commit does not name stays."""
    head = await store.commit(await acquire(store), some_commit())
    head = await store.commit(head, Commit(offsets={APP: 9}, states=[(b"bob", b"B2")], extra={"n": b"1"}))
    assert await everything(store) == {
        "head": replace(head, epoch=0, owner="", generation=0),
        "states": {b"ann": b"A1", b"bob": b"B2"},
        "due": {5: [(330_000, b"ann")]},
        "outbox": [("1-0", b"entered"), ("1-1", b"risk")],
    }
    assert head.offsets == {WEB: 2, APP: 9}
    assert head.extra == {"rules": b'{"v": 1}', "n": b"1"}
    assert (head.seq, head.time_ms) == (2, 1_000)


async def test_a_commit_may_be_empty(store: Store) -> None:
    head = await store.commit(await acquire(store), Commit())
    assert head.seq == 1
    assert await store.customers(0) == 0


async def test_a_stale_head_commits_nothing(store: Store) -> None:
    """Compare-and-set on seq: it fences commits of timers too, which move no offset."""
    head = await acquire(store)
    await store.commit(head, Commit(states=[(b"ann", b"A1")]))
    before = await store.read_head(0)
    with pytest.raises(Superseded, match="seq"):
        await store.commit(head, some_commit(states=[(b"ann", b"stale")]))
    assert await store.read_head(0) == before
    assert await store.get(0, b"ann") == b"A1"
    assert await store.outbox_length(0) == 0


async def test_a_zombie_commits_nothing(store: Store) -> None:
    """Paused past its session, it wakes with work in its hands: the epoch has moved on."""
    zombie = await acquire(store, generation=1)
    owner = await acquire(store, generation=2)
    with pytest.raises(Superseded, match="epoch"):
        await store.commit(zombie, some_commit())
    assert await store.reload(owner) == owner
    assert await store.customers(0) == 0


async def test_a_zombie_reads_and_trims_nothing(store: Store) -> None:
    zombie = await store.commit(await acquire(store, generation=1), some_commit())
    await acquire(store, generation=2)
    for step in (
        store.load(zombie, [b"ann"]),
        store.minutes(zombie),
        store.due_entries(zombie, 5),
        store.outbox_read(zombie, None, 10),
        store.outbox_trim(zombie, "1-1"),
        store.scan(zombie, 0, 10),
        store.reload(zombie),
    ):
        with pytest.raises(Superseded, match="epoch"):
            await step
    assert await store.outbox_length(0) == 2


@pytest.mark.parametrize("part", ["epoch", "owner", "seq"])
async def test_every_part_of_the_fence_counts(store: Store, part: str) -> None:
    """An epoch alone is not enough: Redis that went back in time hands it out again."""
    head = await store.commit(await acquire(store), some_commit())
    wrong = replace(head, **{part: "0" * 16 if part == "owner" else getattr(head, part) + 1})
    for step in (store.load(wrong, [b"ann"]), store.commit(wrong, Commit()), store.scan(wrong, 0, 1)):
        with pytest.raises(Superseded, match=part):
            await step
    assert await store.reload(head) == head


async def test_previous_offsets_are_compared(store: Store) -> None:
    head = await acquire(store)
    with pytest.raises(Superseded, match=r"off"):
        await store.commit(replace(head, offsets={**head.offsets, APP: 8}), some_commit())
    assert await store.reload(head) == head


async def test_shards_do_not_touch_each_other(store: Store) -> None:
    one, two = await acquire(store, 1), await acquire(store, 2)
    one = await store.commit(one, some_commit())
    assert await store.load(two, [b"ann"]) == [None]
    assert await store.minutes(two) == []
    two = await store.commit(two, some_commit(states=[(b"ann", b"of 2")]))
    assert await store.load(one, [b"ann"]) == [b"A1"]
    assert await store.wipe(2) == 1
    assert await store.reload(one) == one


async def test_bytes_are_kept_as_they_are(store: Store) -> None:
    """Ids, states, records and extra fields may hold anything, protocol bytes and key names included."""
    head = await store.commit(
        await acquire(store),
        Commit(
            states=[(each, each[::-1] * 2) for each in NASTY],
            due={1: [due_entry(61_000, each) for each in NASTY]},
            outbox=NASTY,
            extra={"binary": bytes(range(256))},
        ),
    )
    assert await store.load(head, NASTY) == [each[::-1] * 2 for each in NASTY]
    assert await store.due_entries(head, 1) == [(61_000, each) for each in NASTY]
    assert [entry.record for entry in await store.outbox_read(head, None, 100)] == NASTY
    assert dict((await store.scan(head, 0, 100))[1]) == {each: each[::-1] * 2 for each in NASTY}
    assert await store.read_head(0) == head
    assert await store.get(0, NASTY[0]) == NASTY[0] * 2


async def test_the_last_state_of_a_customer_holds_and_a_drop_beats_it(store: Store) -> None:
    head = await store.commit(
        await acquire(store),
        Commit(states=[(b"a", b"1"), (b"a", b"2"), (b"b", b"1")], drop=[b"b", b"never seen"]),
    )
    assert await store.load(head, [b"a", b"b"]) == [b"2", None]
    head = await store.commit(head, Commit(drop=[b"a"]))
    assert await store.customers(0) == 0


async def test_ten_thousand_customers_in_one_commit(store: Store) -> None:
    states = [(b"c%d" % i, b"%d" % i * 60) for i in range(10_000)]
    head = await store.commit(
        await acquire(store),
        Commit(
            states=states,
            due={minute: [due_entry(minute * 60_000, b"c")] * 3 for minute in range(3_000)}
            | {9_999: [due_entry(9_999 * 60_000, customer) for customer, _ in states]},
            outbox=[b"r%d" % i for i in range(5_000)],
        ),
    )
    assert await store.load(head, [customer for customer, _ in states]) == [packed for _, packed in states]
    assert await store.minutes(head) == [*range(3_000), 9_999]
    assert len(await store.due_entries(head, 9_999)) == 10_000
    assert [entry.id for entry in await store.outbox_read(head, None, 10_000)] == [
        f"1-{i}" for i in range(5_000)
    ]
    head = await store.commit(
        head, Commit(consumed_minutes=range(3_000), drop=[customer for customer, _ in states[1:]])
    )
    assert await store.minutes(head) == [9_999]
    assert await store.customers(0) == 1


async def test_reserved_head_fields_are_refused(store: Store) -> None:
    head = await acquire(store)
    for name in ("epoch", "seq", "off:t", "max:t"):
        with pytest.raises(ValueError, match=name):
            await store.commit(head, Commit(extra={name: b"1"}))
    assert await store.reload(head) == head


# --- due lists ---------------------------------------------------------------------------------------------


async def test_due_entries_are_appended_and_repeats_kept(store: Store) -> None:
    """An entry is a hint to look at a customer; the state knows when. Repeats do no harm."""
    at_ms = 7 * 60_000
    head = await acquire(store)
    for due_ms in (at_ms + 59_999, at_ms, at_ms):
        head = await store.commit(head, Commit(due={minute_of(due_ms): [due_entry(due_ms, b"ann")]}))
    assert await store.due_entries(head, 7) == [
        (at_ms + 59_000, b"ann"),
        (at_ms, b"ann"),
        (at_ms, b"ann"),
    ]


async def test_consumed_minutes_are_gone_with_their_lists(store: Store) -> None:
    head = await acquire(store)
    head = await store.commit(
        head, Commit(due={minute: [due_entry(minute * 60_000, b"ann")] for minute in (30, 4, 200)})
    )
    head = await store.commit(head, Commit(consumed_minutes=[4, 200, 77]))
    assert await store.minutes(head) == [30]
    assert await store.due_entries(head, 4) == []


async def test_a_minute_can_be_consumed_and_filled_anew_in_one_commit(store: Store) -> None:
    """Half of a minute has passed: the rest is put back."""
    head = await acquire(store)
    head = await store.commit(head, Commit(due={1: [due_entry(60_000, b"a"), due_entry(110_000, b"b")]}))
    head = await store.commit(head, Commit(consumed_minutes={1}, due={1: [due_entry(110_000, b"b")], 2: []}))
    assert await store.minutes(head) == [1]
    assert await store.due_entries(head, 1) == [(110_000, b"b")]


# --- outbox ------------------------------------------------------------------------------------------------


async def test_the_outbox_keeps_the_order_of_the_commits(store: Store) -> None:
    head = await acquire(store)
    for seq in range(1, 13):  # 9-0, 10-0: order by number, not by text
        head = await store.commit(head, Commit(outbox=[b"%d a" % seq, b"%d b" % seq]))
    entries = await store.outbox_read(head, None, 1_000)
    assert [id for id, _ in entries] == [f"{seq}-{i}" for seq in range(1, 13) for i in (0, 1)]
    assert [record for _, record in entries] == [
        b"%d %s" % (n, x) for n in range(1, 13) for x in (b"a", b"b")
    ]


async def test_the_outbox_is_read_in_pages(store: Store) -> None:
    head = await store.commit(await acquire(store), Commit(outbox=[b"a", b"b", b"c"]))
    head = await store.commit(head, Commit(outbox=[b"d"]))
    assert [record for _, record in await store.outbox_read(head, None, 2)] == [b"a", b"b"]
    assert [record for _, record in await store.outbox_read(head, "1-1", 2)] == [b"c", b"d"]
    assert await store.outbox_read(head, "2-0", 2) == []


async def test_trim_removes_up_to_and_with_the_id(store: Store) -> None:
    head = await store.commit(await acquire(store), Commit(outbox=[b"a", b"b", b"c"]))
    head = await store.commit(head, Commit(outbox=[b"d"]))
    assert await store.outbox_trim(head, "1-1") == 2
    assert await store.outbox_read(head, None, 9) == [("1-2", b"c"), ("2-0", b"d")]
    assert await store.outbox_length(0) == 2
    assert await store.outbox_trim(head, "1-1") == 0
    assert await store.outbox_trim(head, "2-0") == 2
    assert (await store.commit(head, Commit(outbox=[b"e"]))).seq == 3


async def test_the_relay_may_trim_with_the_head_of_an_earlier_commit(store: Store) -> None:
    """Relay and pipeline run side by side: trimming needs the owner, not the last seq."""
    head = await store.commit(await acquire(store), Commit(outbox=[b"a"]))
    await store.commit(head, Commit(outbox=[b"b"]))
    assert await store.outbox_trim(head, "1-0") == 1
    assert await store.outbox_length(0) == 1


# --- the rest ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("customers", [0, 5, 3_000])
async def test_scan_sees_everybody(store: Store, customers: int) -> None:
    states = {b"c%d" % i: b"s%d" % i for i in range(customers)}
    head = await store.commit(await acquire(store), Commit(states=list(states.items())))
    cursor, seen = await store.scan(head, 0, 250)
    steps = 1
    while cursor:
        cursor, more = await store.scan(head, cursor, 250)
        seen += more
        steps += 1
    assert dict(seen) == states
    assert steps <= 1 + customers // 100


async def test_scan_sees_who_stays_while_others_come_and_go(store: Store) -> None:
    head = await acquire(store)
    head = await store.commit(head, Commit(states=[(b"stay%d" % i, b"") for i in range(1_000)]))
    head = await store.commit(head, Commit(states=[(b"go%d" % i, b"") for i in range(1_000)]))
    cursor, seen = await store.scan(head, 0, 100)
    step = 0
    while cursor:
        head = await store.commit(
            head,
            Commit(
                drop=[b"go%d" % i for i in range(step * 50, step * 50 + 50)],
                states=[(b"new%d" % (step * 50 + i), b"") for i in range(50)],
            ),
        )
        cursor, more = await store.scan(head, cursor, 100)
        seen += more
        step += 1
    assert {b"stay%d" % i for i in range(1_000)} <= {customer for customer, _ in seen}


async def test_reload_shows_a_later_commit_of_the_same_owner(store: Store) -> None:
    head = await acquire(store)
    later = await store.commit(head, some_commit())
    assert await store.reload(head) == later
    with pytest.raises(Superseded, match="seq"):
        await store.reload(replace(later, seq=2))


async def test_since_counts_a_rewind(store: Store) -> None:
    """A head behind the one this process held means that Redis lost commits; the count survives the next."""
    held = await store.commit(await acquire(store), some_commit())
    head = (await acquire(store)).since(replace(held, seq=held.seq + 5, rewinds=2))
    assert head.rewinds == 3
    await store.commit(head, Commit())
    stored = await store.read_head(0)
    assert stored is not None
    assert stored.rewinds == 3
    assert stored.since(None) == stored
    assert stored.since(held) == stored


async def test_wipe_forgets_the_shard_and_fences_its_owner(store: Store) -> None:
    head = await store.commit(await acquire(store), some_commit())
    assert await store.wipe(0) == 2
    assert await store.read_head(0) is None
    with pytest.raises(Superseded):
        await store.commit(head, some_commit())
    with pytest.raises(Superseded):
        await store.reload(head)
    head = await acquire(store)
    assert (head.seq, await store.minutes(head), await store.outbox_length(0)) == (0, [], 0)
    assert await store.wipe(5) == 0


async def test_reading_an_unknown_shard(store: Store) -> None:
    assert await store.read_head(9) is None
    assert await store.get(9, b"ann") is None
    assert await store.customers(9) == 0
    assert await store.outbox_length(9) == 0


async def test_loading_nobody(store: Store) -> None:
    assert await store.load(await acquire(store), []) == []


async def test_errors_are_for_users(store: Store) -> None:
    """Every refusal says which partition it is about."""
    head = await acquire(store, 11)
    await acquire(store, 11)
    with pytest.raises(StreamprocError, match="partition 11"):
        await store.commit(head, Commit())
