"""Shards are shared out evenly, stay where they are, and are refused unless they are whole."""

import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streamproc.transport.assignor import (
    CopartitionError,
    Holding,
    ShardAssignor,
    balance,
    check_copartitioned,
)

SOURCES = ("app", "rekey", "support", "web")

claims = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.builds(
        Holding,
        generation=st.integers(-1, 5),
        shards=st.lists(st.integers(-2, 30), unique=True, max_size=12).map(tuple),
    ),
    min_size=1,
    max_size=8,
)


class Cluster:
    """As much of aiokafka's cluster metadata as an assignor asks for."""

    def __init__(self, **partitions: int) -> None:
        self._partitions = partitions

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        count = self._partitions.get(topic)
        return None if count is None else set(range(count))


def whole(shards: int) -> Cluster:
    return Cluster(**dict.fromkeys(SOURCES, shards))


def assign(
    assignors: dict[str, ShardAssignor], cluster: Cluster, topics: tuple[str, ...] = SOURCES
) -> dict[str, list[tuple[str, list[int]]]]:
    """One rebalance of these members; returns what each was given."""
    members = {name: assignor.metadata(topics) for name, assignor in assignors.items()}
    assignments = next(iter(assignors.values())).assign(cluster, members)
    return {name: assignment.assignment for name, assignment in assignments.items()}


@given(st.integers(0, 24), claims)
def test_every_shard_has_one_holder_and_loads_differ_by_one_at_most(
    shards: int, claims: dict[str, Holding]
) -> None:
    """Nothing is left out, nothing is given twice, nobody idles while another has two to spare."""
    shares = balance(shards, claims)
    assert sorted(shard for share in shares.values() for shard in share) == list(range(shards))
    assert shares.keys() == claims.keys()
    loads = [len(share) for share in shares.values()]
    assert max(loads) - min(loads) <= 1


@given(st.integers(1, 24), claims)
def test_a_second_round_without_changes_moves_nothing(shards: int, claims: dict[str, Holding]) -> None:
    """A rebalance is no reason to move a shard."""
    shares = balance(shards, claims)
    held = {member: Holding(7, tuple(share)) for member, share in shares.items()}
    again = balance(shards, held)
    assert {member: set(share) for member, share in again.items()} == {
        member: set(share) for member, share in shares.items()
    }


def test_a_new_member_gets_its_part_and_only_that_moves() -> None:
    """12 shards, two workers, a third joins: four shards move."""
    held = {"a": Holding(1, tuple(range(6))), "b": Holding(1, tuple(range(6, 12)))}
    shares = balance(12, held | {"c": Holding()})
    assert {member: len(share) for member, share in shares.items()} == {"a": 4, "b": 4, "c": 4}
    assert set(shares["a"]) <= set(held["a"].shards)
    assert set(shares["b"]) <= set(held["b"].shards)


def test_a_member_back_from_the_dead_does_not_take_its_shards_back() -> None:
    """Of two claims the later generation's counts."""
    shares = balance(
        4, {"back": Holding(3, (0, 1)), "holder": Holding(4, (0, 1)), "other": Holding(4, (2, 3))}
    )
    assert len(shares["back"]) == 1
    assert set(shares["holder"]) <= {0, 1}
    assert set(shares["other"]) <= {2, 3}


def test_members_get_the_same_partitions_of_every_topic() -> None:
    """Three workers, four topics: whole shards, also after one of them has gone."""
    assignors = {name: ShardAssignor() for name in ("a", "b", "c")}
    given = assign(assignors, whole(7))
    for name, topics in given.items():
        assert [topic for topic, _ in topics] == list(SOURCES)
        assert len({tuple(shards) for _, shards in topics}) == 1
        held = [TopicPartition(topic, shard) for topic, shards in topics for shard in shards]
        assignors[name].remember(held, generation=1)
    before = {name: set(topics[0][1]) for name, topics in given.items()}
    del assignors["b"]
    after = {name: set(topics[0][1]) for name, topics in assign(assignors, whole(7)).items()}
    assert before["a"] <= after["a"]
    assert before["c"] <= after["c"]


def test_a_member_that_reads_fewer_topics_gets_nothing() -> None:
    """An older version in a rolling update must not leave its newer topics unread."""
    new, old = ShardAssignor(), ShardAssignor()
    members = {"new": new.metadata(SOURCES), "old": old.metadata(SOURCES[:3])}
    assignments = new.assign(whole(4), members)
    assert dict(assignments["new"].assignment) == {topic: [0, 1, 2, 3] for topic in SOURCES}
    assert dict(assignments["old"].assignment) == {topic: [] for topic in SOURCES[:3]}


def test_topics_without_metadata_are_left_out() -> None:
    """A topic that does not exist breaks no assignment; the members refuse it by name."""
    given = assign({"a": ShardAssignor()}, Cluster(app=2, rekey=2, support=3))
    assert dict(given["a"]) == {"app": [0, 1], "rekey": [0, 1], "support": [0, 1, 2], "web": []}


def test_metadata_travels_as_kafka_sends_it() -> None:
    """The claim survives the wire format of the join request."""
    assignor = ShardAssignor()
    assignor.remember([TopicPartition("web", 3), TopicPartition("app", 3)], generation=9)
    sent = ConsumerProtocolMemberMetadata.decode(assignor.metadata(SOURCES).encode())
    assert balance(4, {"a": Holding(9, (3,)), "b": Holding()})["a"][0] == 3
    assert sent.user_data == assignor.metadata(SOURCES).user_data


def assigned(topics: tuple[str, ...], *shards: int) -> list[TopicPartition]:
    return [TopicPartition(topic, shard) for topic in topics for shard in shards]


def test_whole_shards_are_accepted() -> None:
    """Also none at all: there may be more workers than shards."""
    counts = dict.fromkeys(SOURCES, 4)
    check_copartitioned(SOURCES, assigned(SOURCES, 0, 3), counts)
    check_copartitioned(SOURCES, [], counts)


def test_a_missing_topic_is_named() -> None:
    """The refusal says which topic to create."""
    with pytest.raises(CopartitionError, match="do not exist: rekey, web") as refusal:
        check_copartitioned(SOURCES, [], {"app": 4, "support": 4, "web": 0})
    assert "topics create" in refusal.value.fix


def test_different_partition_counts_are_named() -> None:
    """The refusal names every count, so that the odd one can be seen."""
    counts = dict.fromkeys(SOURCES, 4) | {"support": 6}
    with pytest.raises(CopartitionError, match="app has 4, rekey has 4, support has 6, web has 4"):
        check_copartitioned(SOURCES, assigned(SOURCES, 0), counts)


def test_a_torn_shard_is_named() -> None:
    """The refusal names the partition, what was given and what was not."""
    torn = [*assigned(SOURCES, 0), *assigned(("app", "web"), 2)]
    with pytest.raises(CopartitionError, match="partition 2 of app, web, but not of rekey, support"):
        check_copartitioned(SOURCES, torn, dict.fromkeys(SOURCES, 4))
