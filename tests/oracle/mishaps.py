"""What befalls a shard: its worker is killed at any point, or another worker takes it in the middle of a batch.

The same pipeline, store and relay as in `streamproc.shards`, without processes: a kill is that everything is thrown
away but the store, and what Kafka has got.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from streamproc.contracts.outbox import OutRecord
from streamproc.metrics import Metrics
from streamproc.pipeline import Shard
from streamproc.relay import Relay
from streamproc.state.memory_store import MemoryStore
from streamproc.state.store import Commit, Head
from streamproc.transport.outlet import Outgoing

#: What happens around a commit. uncommitted: killed before it. unheard: it is done, but its worker dies before it hears
#: so. unsent: dies before its signals reach Kafka. untrimmed: Kafka has them, and so has the outbox. idle: dies when
#: all is done. taken: while the batch is evaluated, another worker takes the shard.
Mishap = Literal["none", "uncommitted", "unheard", "unsent", "untrimmed", "idle", "taken"]
MISHAPS: tuple[Mishap, ...] = ("none", "uncommitted", "unheard", "unsent", "untrimmed", "idle", "taken")


class Killed(Exception):
    """The worker is gone."""


class FragileStore(MemoryStore):
    """`mishap`: what the next commit meets."""

    def __init__(self) -> None:
        super().__init__()
        self.mishap: Mishap = "none"

    async def commit(self, head: Head, commit: Commit) -> Head:
        """See Store.commit."""
        if self.mishap == "uncommitted":
            raise Killed
        after = await super().commit(head, commit)
        if self.mishap == "unheard":
            raise Killed
        return after


@dataclass
class Topics:
    """The topics out, of one partition. `mishap`: what the next batch meets."""

    records: list[OutRecord] = field(default_factory=list)
    mishap: Mishap = "none"

    async def send(self, records: Sequence[Outgoing]) -> None:
        """As `streamproc.relay.Producer` does."""
        if self.mishap == "unsent":
            raise Killed
        self.records += [
            OutRecord(topic=one.topic, key=one.key or b"", headers=list(one.headers), value=one.value or b"")
            for one in records
        ]
        if self.mishap == "untrimmed":
            raise Killed

    def once(self) -> list[OutRecord]:
        """Each record where it came first, as consumers take them. Asserts that a repeat has the same bytes."""
        found: dict[tuple[str, bytes], OutRecord] = {}
        for record in self.records:
            known = found.setdefault((record.topic, dict(record.headers).get("ce_id", record.value)), record)
            assert known == record, f"sent again with other bytes: {known} {record}"
        return list(found.values())


async def relay(store: MemoryStore, shard: Shard, topics: Topics) -> None:
    """Send what is in the shard's outbox, and trim it."""

    async def tell(partition: int, seq: int) -> bool:
        return True

    backlog = await store.outbox_length(shard.head.partition)
    one = Relay(store, shard, topics, "", Metrics(), tell, set(), backlog, on_trimmed=lambda: None)
    while await one.send_batch():
        pass


def in_turn(mishaps: Sequence[Mishap]) -> Iterator[Mishap]:
    """The same ones again and again; without end."""
    while True:
        yield from mishaps or ("none",)
        yield "none"  # or nothing would ever come further
