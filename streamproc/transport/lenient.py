"""Reading batches with header names that are not UTF-8.

Kafka's protocol says that header names are strings, and no broker checks it. aiokafka gives up on the whole batch, so
one such record would stop its partition for ever. These classes read it: slower, in Python, with what is not UTF-8
written as `\\xff`.
"""

from typing import Any

from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


class _Name(bytes):
    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class _Buffer(bytearray):
    """Its slices are what aiokafka decodes, if they are header names, or copies, if they are anything else."""

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return _Name(part) if isinstance(place, slice) else part


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        if not isinstance(self._buffer, _Buffer):
            self._buffer = _Buffer(self._buffer)


class LenientRecords(_MemoryRecordsPy):  # type: ignore[misc]
    """Like aiokafka's MemoryRecords: the batches of one answer of a broker."""

    def next_batch(self, *args: Any, **kwargs: Any) -> Any:
        """The next batch; None after the last."""
        next_slice = self._next_slice
        batch = super().next_batch(*args, **kwargs)
        is_current_format = batch is not None and next_slice is not None and next_slice[16] >= 2
        return _LenientBatch(next_slice) if is_current_format else batch
