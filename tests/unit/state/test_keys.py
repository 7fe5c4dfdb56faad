"""Redis key names, and entries of the due lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from streamproc.errors import StreamprocError
from streamproc.state.keys import Keyspace, due_entry, minute_of, read_due_entry


def every_key(space: Keyspace, partition: int) -> list[bytes]:
    keys = space.shard(partition)
    return [keys.head, keys.state, keys.minutes, keys.outbox, keys.due(29_000_000), keys.due(-1)]


def test_keys_are_named_as_documented() -> None:
    """The names of docs/state.md, character by character."""
    keys = Keyspace("prod.", "streamproc").shard(3)
    assert keys.head == b"sp:prod.:streamproc:{3}:head"
    assert keys.state == b"sp:prod.:streamproc:{3}:state"
    assert keys.minutes == b"sp:prod.:streamproc:{3}:minutes"
    assert keys.outbox == b"sp:prod.:streamproc:{3}:outbox"
    assert keys.due(28_333_333) == b"sp:prod.:streamproc:{3}:due:28333333"


def test_what_operators_say_is_of_all_shards() -> None:
    assert Keyspace("prod.", "streamproc").controls == b"sp:prod.:streamproc:controls"


def test_the_prefix_may_be_empty() -> None:
    assert Keyspace("", "g").shard(0).head == b"sp::g:{0}:head"


@given(st.integers(0, 4096))
def test_all_keys_of_a_shard_share_a_cluster_slot(partition: int) -> None:
    """One transaction may change them all."""
    assert len({key_slot(key) for key in every_key(Keyspace("p.", "g"), partition)}) == 1


def test_shards_and_installations_share_no_key() -> None:
    """Neither partitions, nor prefix and group, nor their borders run into each other."""
    spaces = [Keyspace("", "a.b"), Keyspace("a", "b"), Keyspace("a.", "b"), Keyspace("a.b", "a.b")]
    keys = [key for space in spaces for partition in (1, 11, 111) for key in every_key(space, partition)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("prefix", "group"), [("a:", "g"), ("", "g{1}"), ("", ""), ("é", "g"), ("", "a b")])
def test_names_that_would_break_a_key_are_refused(prefix: str, group: str) -> None:
    with pytest.raises(StreamprocError) as refused:
        Keyspace(prefix, group)
    assert refused.value.fix


@given(st.integers(-(10**12), 10**14), st.binary(min_size=1, max_size=40))
def test_a_due_entry_tells_its_second_and_customer(due_ms: int, customer: bytes) -> None:
    """Read back: the same customer, at the same time but for the part of a second, which is cut off."""
    entry = due_entry(due_ms, customer)
    assert read_due_entry(minute_of(due_ms), entry) == (due_ms // 1000 * 1000, customer)
    assert len(entry) == 1 + len(customer)
