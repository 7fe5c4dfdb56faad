"""What every state store promises about due lists and the outbox."""

from streamproc.state.keys import due_entry, minute_of
from streamproc.state.store import Commit, Store
from tests.contract.shard import acquire


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


async def test_the_relay_may_use_the_head_of_an_earlier_commit(store: Store) -> None:
    """Relay and pipeline run side by side: the outbox asks for the owner, not for the last seq."""
    head = await store.commit(await acquire(store), Commit(outbox=[b"a"]))
    await store.commit(head, Commit(outbox=[b"b"]))
    assert await store.outbox_read(head, "1-0", 9) == [("2-0", b"b")]
    assert await store.outbox_trim(head, "1-0") == 1
    assert await store.outbox_length(0) == 1
