"""`--until`: when a worker is done.

What one shard sent last may be for another (re-keyed events), in this worker or in another one. So it is over once
Kafka has everything, all topics have shown their ends once more after that, and other workers are as far.
"""

from collections.abc import Mapping

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streamproc.clock import wall_ms
from streamproc.held import NEVER_MS, Held, Reader
from streamproc.sources import SOURCES
from streamproc.state.plan import Plan
from streamproc.state.store import Store


class Ending:
    """Looks for the end of a replay.

    `held`: the worker's shards, as they come and go. `rebuild`: says where logs end.
    """

    def __init__(
        self, held: Mapping[int, Held], store: Store, topic_prefix: str, rebuild: Plan | None
    ) -> None:
        self._held, self._store, self._prefix, self._rebuild = held, store, topic_prefix, rebuild
        self._asking = False

    async def is_reached(self, idle: Held, reader: Reader) -> bool:
        """Whether all is over, asked by a shard that has nothing left to do."""
        if idle.drained_ms == NEVER_MS:
            if await self._store.outbox_length(idle.partition):
                return False
            idle.drained_ms = wall_ms()
        last_ms = max(held.drained_ms for held in self._held.values())
        if self._asking or not all(held.has_shown_ends(last_ms) for held in self._held.values()):
            return False
        self._asking = True
        try:
            return await self._others_have_ended(reader)
        finally:
            self._asking = False

    async def _others_have_ended(self, reader: Reader) -> bool:
        """Whether the shards of other workers, if there are any, have applied and sent everything, too.

        Who leaves before them leaves what they still re-key unread; who leaves after them takes over their shards.
        """
        others = set(range(reader.partition_count())) - self._held.keys()
        if not others:
            return True
        try:
            ends = await reader.ends()
        except KafkaError:
            return False
        for partition in others:
            head = await self._store.read_head(partition)
            if head is None or await self._store.outbox_length(partition):
                return False
            for topic in SOURCES:
                end = None if self._rebuild is None else self._rebuild.end_of(topic, partition)
                log_end = ends[TopicPartition(self._prefix + topic, partition)]
                if head.offsets.get(topic, 0) < (log_end if end is None else end):
                    return False
        return True
