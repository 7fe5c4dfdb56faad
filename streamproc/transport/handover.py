"""What has been handed to agents, and whether it still counts."""

from collections.abc import Callable

from aiokafka.structs import TopicPartition

from streamproc.transport.chunks import Chunk, Tail
from streamproc.transport.reader import Reader


class Handover:
    """Follows the chunks handed over, on the main event loop.

    `reader` gives the reader once the consumer has started. Its cursors tell which session is the latest: they
    change with a seek or a rebalance, at once, in the consumer's thread.
    """

    def __init__(self, reader: Callable[[], Reader | None]) -> None:
        self._reader = reader
        #: Per partition, the session and the offset after the last chunk handed over.
        self._handed: dict[tuple[str, int], tuple[int, int]] = {}

    def session_of(self, tp: TopicPartition) -> int | None:
        """The latest seek session of `tp`; None while it is not being read."""
        reader = self._reader()
        cursor = None if reader is None else reader.cursors.get(tp)
        return None if cursor is None else cursor.session

    def is_current(self, chunk: Chunk) -> bool:
        """Whether `chunk` is of its partition's latest seek."""
        return self.session_of(chunk.tp) == chunk.session

    def note(self, chunk: Chunk) -> None:
        """`chunk` is handed over now."""
        self._handed[chunk.topic, chunk.partition] = (chunk.session, chunk.next_offset)

    def tail(self, tp: TopicPartition) -> Tail | None:
        """How far `tp` was handed over and whether that was all; None while it is not being read."""
        reader = self._reader()
        cursor = None if reader is None else reader.cursors.get(tp)
        if reader is None or cursor is None:
            return None
        session, handed = self._handed.get((tp.topic, tp.partition), (0, 0))
        if session != cursor.session:
            handed = cursor.start_offset
        poll = reader.polls.get(tp)
        if poll is None:
            return Tail(handed, at_end=False, polled_at_ms=0)
        return Tail(handed, at_end=handed >= poll.end, polled_at_ms=poll.sent_ms)
