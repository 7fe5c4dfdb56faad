"""Finding the record on which the program itself fails, so that a defect of ours does not stop the stream.

The shard starts over and takes half as many records as before, again and again, until the one that cannot be processed
is alone. It then goes to events.failed like any other record that cannot be used.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from typing import Final

from streamproc.instants.inbox import Slice
from streamproc.pipeline import Batch
from streamproc.sources import SOURCES

#: Batches grow again by this factor with every commit.
_GROWTH: Final = 2
#: Records of one shard that one process may set aside.
_BLAMED_MAX: Final = 1_000


class Unprocessable(Exception):
    """A batch failed on something that is neither Redis nor another owner."""

    def __init__(self, batch: Batch, reason: Exception) -> None:
        super().__init__(f"{type(reason).__name__}: {reason}")
        self.batch, self.reason = batch, reason


class Isolation:
    """What is known of defects, by shard. It lasts as long as the process: another worker finds out by itself."""

    def __init__(self, records_max: int) -> None:
        """`records_max`: records in a batch when all is well."""
        self._records_max = records_max
        self._limits: dict[int, int] = {}
        self._unprocessable: dict[int, set[tuple[int, int]]] = defaultdict(set)
        self._blamed: dict[int, int] = defaultdict(int)

    def limit(self, partition: int) -> int:
        """How many records the shard's next batch may have."""
        return self._limits.get(partition, self._records_max)

    def unprocessable(self, partition: int) -> Set[tuple[int, int]]:
        """(code of the source topic, offset) of records that must not be tried again; it changes as they do."""
        return self._unprocessable[partition]

    def narrow(self, partition: int, taken: Slice | None) -> bool:
        """Close in on the record on which a batch failed. False: there is none to blame, a timer perhaps."""
        if taken is None or not len(taken.raw) or self.is_hopeless(partition):
            return False
        if taken.records > 1:
            self._limits[partition] = taken.records // 2
        else:
            self.blame(partition, [(int(taken.events.topic[0]), int(taken.events.offset[0]))])
        return True

    def blame(self, partition: int, records: Iterable[tuple[int, int]]) -> None:
        """These records, by (code of the source topic, offset), cannot be processed."""
        before = len(self._unprocessable[partition])
        self._unprocessable[partition].update(records)
        self._blamed[partition] += len(self._unprocessable[partition]) - before

    def is_hopeless(self, partition: int) -> bool:
        """Whether so much was set aside that it is no single record's fault: the worker must end."""
        return self._blamed[partition] >= _BLAMED_MAX

    def committed(self, partition: int, offsets: Mapping[str, int]) -> None:
        """The shard has taken records and come to these offsets: its batches may grow again."""
        known = self._unprocessable[partition]
        known -= {(topic, offset) for topic, offset in known if offset < offsets.get(SOURCES[topic], 0)}
        if partition in self._limits:
            self._limits[partition] *= _GROWTH
            if self._limits[partition] >= self._records_max:
                del self._limits[partition]
