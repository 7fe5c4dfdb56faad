"""Records out of a broker's answer, as the batches give them.

aiokafka makes an object of its own of every record, which takes longer than all else that reading costs. What its
batches give has everything that `chunks.Record` asks for, so it is handed on as it is.
"""

from collections.abc import Iterator
from itertools import dropwhile, islice
from typing import Any

from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException

from streamproc.transport.chunks import Record


def take(result: FetchResult, limit: int) -> list[Record]:
    """The next at most `limit` records of what was fetched of a partition; as `FetchResult.getall`, but quicker.

    Raises as `Answer.take`.
    """
    if not result.has_more() or not result.check_assignment(result._topic_partition):
        return []
    if not isinstance(result._partition_records, Answer):
        result._partition_records = Answer(result._partition_records)
    answer: Answer = result._partition_records
    records = answer.take(limit)
    result._update_position()
    if answer.is_over:
        result._partition_records = None
    return records


class Answer:
    """What a broker has answered for one partition; takes the place of aiokafka's PartitionRecords in its results.

    It leaves out what that leaves out: what lies before the position, control batches, aborted transactions. After an
    error there is nothing more in it, so what could not be read is fetched again and not passed over.
    """

    def __init__(self, fetched: PartitionRecords) -> None:
        """`fetched`: untouched."""
        self.next_fetch_offset: int = fetched.next_fetch_offset
        self.is_over = False
        self._fetched = fetched
        self._records = self._read()

    def take(self, limit: int) -> list[Record]:
        """The next at most `limit` records; fewer are the last. `next_fetch_offset` is then behind them.

        Raises CorruptRecordException, and UnicodeDecodeError where a header's name is none.
        """
        records = list(islice(self._records, limit))
        if records:
            self.next_fetch_offset = max(self.next_fetch_offset, records[-1].offset + 1)
        self.is_over = len(records) < limit
        return records

    def _read(self) -> Iterator[Record]:
        begin = self.next_fetch_offset
        for batch in self._batches():
            yield from dropwhile(lambda record: record.offset < begin, batch)
            self.next_fetch_offset = batch.next_offset  # known even where compaction took the last records

    def _batches(self) -> Iterator[Any]:
        """The batches with records for us."""
        fetched = self._fetched
        while fetched._records.has_next():
            batch = fetched._records.next_batch()
            if fetched._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {fetched._tp}")
            if self._is_aborted(batch) or batch.is_control_batch:
                self.next_fetch_offset = batch.next_offset
            else:
                yield batch

    def _is_aborted(self, batch: Any) -> bool:
        """Whether a batch is of an aborted transaction; they must be asked about in order."""
        fetched = self._fetched
        if fetched._isolation_level != READ_COMMITTED or batch.producer_id is None:
            return False
        fetched._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and fetched._contains_abort_marker(batch):
            fetched._aborted_producers.discard(batch.producer_id)
        return bool(batch.is_transactional and batch.producer_id in fetched._aborted_producers)
