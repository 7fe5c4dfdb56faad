"""What every state store promises about owning a shard, on Redis and on its twin in memory."""

from dataclasses import replace

import pytest

from streamproc.errors import StreamprocError
from streamproc.state.store import Commit, Fenced, StateMismatch, StateMissing, Store, Superseded
from tests.contract.shard import APP, WEB, acquire, some_commit


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


async def test_scan_sees_who_was_there_while_others_come(store: Store) -> None:
    head = await acquire(store)
    head = await store.commit(head, Commit(states=[(b"stay%d" % i, b"") for i in range(1_000)]))
    cursor, seen = await store.scan(head, 0, 100)
    step = 0
    while cursor:
        head = await store.commit(
            head,
            Commit(
                states=[(b"new%d" % (step * 50 + i), b"") for i in range(50)],
            ),
        )
        cursor, more = await store.scan(head, cursor, 100)
        seen += more
        step += 1
    assert {b"stay%d" % i for i in range(1_000)} <= {customer for customer, _ in seen}


async def test_browsing_needs_no_ownership(store: Store) -> None:
    """It goes on while the owner commits, and sees who was there from beginning to end."""
    head = await acquire(store)
    head = await store.commit(head, Commit(states=[(b"stay%d" % i, b"%d" % i) for i in range(1_000)]))
    cursor, seen = await store.browse(0, 0, 100)
    while cursor:
        head = await store.commit(head, Commit(states=[(b"new%d" % head.seq, b"")]))
        cursor, more = await store.browse(0, cursor, 100)
        seen += more
    assert {(b"stay%d" % i, b"%d" % i) for i in range(1_000)} <= set(seen)
    assert await store.browse(7, 0, 100) == (0, [])


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


async def test_controls_are_what_was_said_last(store: Store) -> None:
    """By name, until it is taken back."""
    assert await store.controls() == {}
    await store.set_control("winback", "dry")
    await store.set_control("winback", "paused")
    await store.set_control("*released", "1790000000000")
    assert await store.controls() == {"winback": "paused", "*released": "1790000000000"}
    await store.set_control("winback", None)
    await store.set_control("winback", None)
    assert await store.controls() == {"*released": "1790000000000"}


async def test_controls_are_of_no_shard(store: Store) -> None:
    """They fence no owner, and outlive a shard that is wiped."""
    head = await acquire(store)
    await store.set_control("winbäck", "paused")
    head = await store.commit(head, some_commit())
    await store.set_control("other", "dry")
    assert await store.reload(head) == head
    await store.wipe(0)
    assert await store.controls() == {"winbäck": "paused", "other": "dry"}


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
