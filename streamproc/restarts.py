"""Starting shards over, when what they need answers again: one attempt per shard at a time, each with its pause."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from streamproc.clock import monotonic_s
from streamproc.held import Held, Reader
from streamproc.state.store import Store, StoreUnavailable
from streamproc.transport.owner import Unavailable

_log = structlog.get_logger(__name__)

#: Between two attempts to reach Redis or Kafka, on top of the clients' own retries.
_PAUSE_S: Final = 2.0
#: Pauses of a shard that keeps failing without a commit in between.
_AGAIN_MIN_S: Final = 0.1
_AGAIN_MAX_S: Final = 10.0
#: When shards wait for Redis, all of them soon do: the first line is for all.
_GATHER_S: Final = 1.0
#: Between two lines about it, while others join or leave, and while they stay the same.
_CHANGED_S: Final = 10.0
_SAME_S: Final = 30.0


class Restarts:
    """Seeks shards anew in the background. `held`: the worker's shards, as they come and go."""

    def __init__(
        self,
        held: Mapping[int, Held],
        store: Store,
        release: Callable[[set[int]], Awaitable[None]],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._held, self._store, self._release, self._fail = held, store, release, fail
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()  # to be looked at once more when their task is done
        self._waits = Waits(monotonic_s)
        self._stopped = False
        #: By partition: seq of the last failure, and how many there were at it.
        self._failures: dict[int, tuple[int, int]] = {}

    @property
    def under_way(self) -> bool:
        """Whether a shard is being started over."""
        return bool(self._tasks)

    def stop(self) -> None:
        """Give up what is under way, and begin nothing more."""
        self._stopped = True
        for task in self._tasks.values():
            task.cancel()

    def begin(self, partition: int, reader: Reader, *, at_once: bool = False) -> None:
        """Seek a shard in a task of its own: the seek waits for the task of the shard that failed.

        `at_once`: without a pause, however often it failed before.
        """
        if partition in self._tasks:
            self._again.add(partition)
        elif not self._stopped:
            self._tasks[partition] = asyncio.create_task(self._restart(partition, reader, at_once))

    async def _restart(self, partition: int, reader: Reader, at_once: bool) -> None:
        """Acquire and seek a shard as soon as the store and Kafka let us; end if it is somebody else's by then."""
        pause_s = 0.0 if at_once else self._pause_s(self._held.get(partition))
        try:
            while True:
                self._again.discard(partition)
                await asyncio.sleep(pause_s)
                await self._until_store_answers(partition)
                try:
                    # A rebalance may have started it anew; or tried to, in vain.
                    if not self._runs(partition):
                        await reader.reseek({partition})
                except Unavailable as error:
                    _log.warning("shard cannot be started yet", partition=partition, why=str(error))
                else:
                    if partition not in self._again:
                        break
                pause_s = random.uniform(_PAUSE_S / 2, _PAUSE_S)
            if partition in self._held and not self._runs(partition):
                await self._release({partition})  # nothing was sought: it is no longer assigned
        except Exception as error:
            self._fail(error)
        finally:
            del self._tasks[partition]
            self._waits.forget(partition)

    def _runs(self, partition: int) -> bool:
        held = self._held.get(partition)
        return held is not None and held.runs

    def _pause_s(self, held: Held | None) -> float:
        """How long to wait at first: the longer, the more often the shard failed at the same commit."""
        if held is None:
            return _AGAIN_MIN_S
        partition, seq = held.partition, held.shard.head.seq
        last_seq, times = self._failures.get(partition, (-1, 0))
        times = times + 1 if seq == last_seq else 0
        self._failures[partition] = (seq, times)
        return 0.0 if times == 0 else min(_AGAIN_MIN_S * 2.0**times, _AGAIN_MAX_S)

    async def _until_store_answers(self, partition: int) -> None:
        """Redis may be away for long: the worker waits for it, and reads nothing meanwhile."""
        while True:
            try:
                await self._store.read_head(partition)
            except StoreUnavailable as error:
                self._waits.note(partition, error)
                await asyncio.sleep(random.uniform(_PAUSE_S / 2, _PAUSE_S))
            else:
                self._waits.over(partition)
                return


class Waits:
    """Which shards wait for Redis: each time in one line for all of them, and not often. `now_s`: monotonic."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._waiting: set[int] = set()
        self._told: set[int] = set()
        self._since_s = 0.0  # when it was told, or when the first began to wait

    def note(self, partition: int, error: StoreUnavailable) -> None:
        """It has asked in vain."""
        now_s = self._now_s()
        if not self._waiting:
            self._told, self._since_s = set(), now_s
        self._waiting.add(partition)
        pause_s = _GATHER_S if not self._told else _SAME_S if self._told == self._waiting else _CHANGED_S
        if now_s - self._since_s >= pause_s:
            self._told, self._since_s = set(self._waiting), now_s
            partitions = sorted(self._waiting)
            _log.warning("waiting for Redis", partitions=partitions, error=error.message, fix=error.fix)

    def over(self, partition: int) -> None:
        """It has had an answer."""
        self.forget(partition)
        if self._told and not self._waiting:
            self._told = set()
            _log.info("Redis answers again")

    def forget(self, partition: int) -> None:
        """It does not ask any more."""
        self._waiting.discard(partition)
