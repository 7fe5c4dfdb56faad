"""What every state store promises about a commit: all of it, or nothing."""

from dataclasses import replace

import pytest

from streamproc.state.keys import due_entry
from streamproc.state.store import Commit, Store, Superseded
from tests.contract.shard import APP, WEB, acquire, everything, some_commit

NASTY = [b"\x00", b"\xff\xfe", b"\r\n$3\r\nfoo", b"{0}:head", "anon:Zoë ☕".encode(), b" ", b"*", b"%s%d"]


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


async def test_the_same_commit_again_changes_nothing(store: Store) -> None:
    """Who lost the answer may ask again; another commit on the same head is refused."""
    head = await acquire(store)
    after = await store.commit(head, some_commit())
    assert await store.commit(head, some_commit()) == after
    assert await store.outbox_length(0) == 2
    assert await store.due_entries(after, 5) == [(330_000, b"ann")]
    for change in (
        {"states": [(b"ann", b"A1"), (b"bob", b"B2")]},
        {"outbox": [b"entered", b"rise"]},
        {"due": {5: [due_entry(5 * 60_000 + 31_000, b"ann")]}},
        {"time_ms": 1_001},
        {"extra": {"rules": b'{"v": 2}'}},
        {"consumed_minutes": [5]},
        {"max_ms": {WEB: 1_001}},
    ):
        with pytest.raises(Superseded, match="seq"):
            await store.commit(head, some_commit(**change))
    assert await store.reload(after) == after


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


async def test_the_last_state_of_a_customer_holds(store: Store) -> None:
    head = await store.commit(await acquire(store), Commit(states=[(b"a", b"1"), (b"a", b"2"), (b"b", b"1")]))
    assert await store.load(head, [b"a", b"b", b"c"]) == [b"2", b"1", None]


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
    head = await store.commit(head, Commit(consumed_minutes=range(3_000)))
    assert await store.minutes(head) == [9_999]


async def test_reserved_head_fields_are_refused(store: Store) -> None:
    head = await acquire(store)
    for name in ("epoch", "seq", "off:t", "max:t"):
        with pytest.raises(ValueError, match=name):
            await store.commit(head, Commit(extra={name: b"1"}))
    assert await store.reload(head) == head
