"""The webhooks' journal on a real Redis: who may write, what a repeated write does, what is left after it."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from streamproc.sinks.webhook.journal import DEAD_MAX, DeadLetter, Disabled, Journal, Superseded, open_journal
from streamproc.sinks.webhook.message import Message
from streamproc.state.store import StateCorrupt

URL = "https://example.com/hush"


@pytest.fixture
async def journal(redis_db: str) -> AsyncIterator[Journal]:
    async with open_journal(redis_db, prefix="p.", group="g", url=URL) as made:
        yield made


def message(offset: int, id_: str = "") -> Message:
    return Message(
        offset=offset, customer=b"c", id=id_ or f"m{offset}", body=b"{}", read_ms=1, ends_ms=2_000_000
    )


async def waiting(journal: Journal, partition: int = 3) -> list[Message]:
    return sorted([one async for one in journal.pending(partition)], key=lambda one: one.offset)


async def test_what_was_read_waits_for_the_next_claimant(journal: Journal) -> None:
    """With the offset to read on from, and with what came of its attempts."""
    claim = await journal.claim(3)
    assert (claim.next_offset, claim.messages) == (None, [])
    many = [message(offset) for offset in range(1_200)]
    await journal.read_on(claim, None, 1_300, many)
    later = many[7].due_at(99)
    await journal.postpone(claim, later)
    await journal.finish(claim, many[8])
    again = await journal.claim(3)
    assert again.next_offset == 1_300
    assert sorted(again.messages, key=lambda one: one.offset) == [*many[:7], later, *many[9:]]
    assert await journal.partitions() == {3: 1_300}


async def test_only_the_last_claimant_may_write(journal: Journal) -> None:
    """A process that was taken for dead must not bring back what its successor has done."""
    first = await journal.claim(3)
    await journal.read_on(first, None, 5, [message(4)])
    second = await journal.claim(3)
    for write in (
        journal.read_on(first, 5, 6, [message(5)]),
        journal.postpone(first, message(4)),
        journal.finish(first, message(4)),
        journal.give_up(first, [DeadLetter(3, message(4), 1, "expired")]),
    ):
        with pytest.raises(Superseded, match="owner"):
            await write
    assert await waiting(journal) == [message(4)]
    await journal.finish(second, message(4))
    assert await waiting(journal) == []


async def test_partitions_are_apart(journal: Journal) -> None:
    one, other = await journal.claim(1), await journal.claim(2)
    await journal.read_on(one, None, 1, [message(0)])
    await journal.read_on(other, None, 9, [])
    assert await waiting(journal, 2) == []
    assert await journal.partitions() == {1: 1, 2: 9}


async def test_a_write_whose_reply_was_lost_may_be_made_again(journal: Journal) -> None:
    """The one before it may not."""
    claim = await journal.claim(3)
    await journal.read_on(claim, None, 2, [message(1)])
    for _ in range(2):
        await journal.read_on(claim, 2, 3, [message(2)])
    with pytest.raises(Superseded, match="next"):
        await journal.read_on(claim, None, 2, [message(1)])
    for _ in range(2):
        await journal.finish(claim, message(1))
    assert await waiting(journal) == [message(2)]


async def test_a_dead_letter_is_written_once(journal: Journal) -> None:
    """However often it is given up."""
    claim = await journal.claim(3)
    await journal.read_on(claim, None, 2, [message(1)])
    letter = DeadLetter(3, message(1), 9, "expired")
    for _ in range(2):
        await journal.give_up(claim, [letter])
    assert await journal.dead() == [letter]


async def test_dead_letters_are_bounded(journal: Journal) -> None:
    claim = await journal.claim(3)
    messages = [message(offset) for offset in range(DEAD_MAX + 300)]
    await journal.read_on(claim, None, 9_999, messages)
    await journal.give_up(claim, [DeadLetter(3, one, 9, "expired") for one in messages])
    assert [letter.message.offset for letter in await journal.dead()] == list(range(300, DEAD_MAX + 300))


async def test_a_dead_letter_that_was_delivered_is_forgotten(journal: Journal) -> None:
    claim = await journal.claim(3)
    await journal.read_on(claim, None, 9, [message(1), message(2), message(3)])
    await journal.give_up(claim, [DeadLetter(3, message(number), 7, "too_long") for number in (1, 2, 3)])
    first, second, third = await journal.dead_entries()
    assert second[1] == DeadLetter(3, message(2), 7, "too_long")
    await journal.forget([first[0], third[0]])
    await journal.forget([first[0]])
    assert await journal.dead_entries() == [second]


async def test_receivers_with_names_are_apart(redis_db: str, journal: Journal) -> None:
    await journal.read_on(await journal.claim(3), None, 2, [message(1)])
    async with open_journal(redis_db, prefix="p.", group="g", url=URL, name="crm") as other:
        assert await other.partitions() == {}
        await other.read_on(await other.claim(3), None, 9, [message(8)])
    assert await waiting(journal) == [message(1)]


async def test_a_redis_that_went_back_is_noticed(journal: Journal, client: "redis.asyncio.Redis") -> None:
    """By the offset, and by the claim if that is gone, too."""
    claim = await journal.claim(3)
    await journal.read_on(claim, None, 7, [message(6)])
    await client.hset("sp:p.:g:{webhook}:reading", "next:3", 5)
    with pytest.raises(Superseded, match="next 5"):
        await journal.read_on(claim, 7, 8, [message(7)])
    await client.flushdb()
    with pytest.raises(Superseded, match="owner"):
        await journal.finish(claim, message(6))
    assert (await journal.claim(3)).next_offset is None


async def test_offsets_of_a_topic_that_was_made_anew_do_not_collide(journal: Journal) -> None:
    claim = await journal.claim(3)
    await journal.read_on(claim, None, 1, [message(0, "old")])
    await journal.read_on(claim, 1, 1, [message(0, "new")])
    assert {one.id for one in await waiting(journal)} == {"old", "new"}


async def test_a_receiver_is_disabled_by_its_url(
    redis_db: str, journal: Journal, client: "redis.asyncio.Redis"
) -> None:
    """Another one is not; and the URL, which may hold a token, is not in Redis."""
    assert await journal.disabled() is None
    await journal.disable(Disabled(5, "HTTP 410"))
    assert await journal.disabled() == Disabled(5, "HTTP 410")
    async with open_journal(redis_db, prefix="p.", group="g", url=URL + "2") as other:
        assert await other.disabled() is None
        assert await other.enable()
    assert await journal.disabled() is None
    assert not await journal.enable()
    await journal.disable(Disabled(5, "HTTP 410"))
    stored = [await client.hgetall(key) for key in await client.keys("*")]
    assert b"hush" not in repr(stored).encode()


async def test_all_keys_have_one_hash_tag(journal: Journal, client: "redis.asyncio.Redis") -> None:
    claim = await journal.claim(3)
    await journal.read_on(claim, None, 2, [message(0), message(1)])
    await journal.give_up(claim, [DeadLetter(3, message(1), 9, "expired")])
    await journal.disable(Disabled(5, "HTTP 410"))
    assert {key.decode() for key in await client.keys("*")} == {
        f"sp:p.:g:{{webhook}}:{name}" for name in ("reading", "pending:3", "dead", "disabled")
    }


async def test_what_is_no_message_is_told(journal: Journal, client: "redis.asyncio.Redis") -> None:
    await client.hset("sp:p.:g:{webhook}:pending:3", "1:x", b"nonsense")
    with pytest.raises(StateCorrupt, match="no webhook message"):
        await journal.claim(3)
