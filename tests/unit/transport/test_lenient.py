"""Header names that are not UTF-8: aiokafka refuses the whole batch, our reading of it does not."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from streamproc.transport.lenient import LenientRecords


def batch(name: bytes, compression: int = 0) -> bytes:
    """Three records; the second has a header with this name of five bytes, whatever the checksum says."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10_000,
    )
    for offset, headers in enumerate(([], [("hname", b"1"), ("other", None)], [("later", b"2")])):
        builder.append(offset, 1_000 + offset, b"k", b"value %d" % offset, headers)
    return bytes(builder.build()).replace(b"hname", name)


def read(
    records: LenientRecords,
) -> list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]]:
    found = []
    while records.has_next():
        found += [(one.offset, one.key, one.value, list(one.headers)) for one in records.next_batch()]
    return found


def test_what_is_not_utf8_is_written_as_what_it_is() -> None:
    data = batch(b"\xff\xfeabc") + batch(b"hname")
    with pytest.raises(UnicodeDecodeError):
        read(MemoryRecords(data))
    first, second, third, *_ = read(LenientRecords(data))
    assert first == (0, b"k", b"value 0", [])
    assert second == (1, b"k", b"value 1", [("\\xff\\xfeabc", b"1"), ("other", None)])
    assert third == (2, b"k", b"value 2", [("later", b"2")])
    assert type(second[2]) is bytes


def test_all_else_is_read_as_aiokafka_reads_it() -> None:
    data = batch(b"hname") + batch("äöx".encode()) + batch(b"hname", compression=1)
    assert read(LenientRecords(data)) == read(MemoryRecords(data))
