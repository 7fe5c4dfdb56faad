"""What a chunk says about itself."""

from aiokafka.structs import TopicPartition

from streamproc.transport.chunks import Chunk


def chunk_of(*offsets: int, start_offset: int, next_offset: int) -> Chunk:
    records = [type("Record", (), {"offset": offset})() for offset in offsets]
    return Chunk(
        topic="web",
        partition=3,
        records=records,
        start_offset=start_offset,
        next_offset=next_offset,
        generation=1,
        session=2,
    )


def test_the_first_record_may_come_after_the_start() -> None:
    """Offsets without data belong to the chunk that follows them."""
    chunk = chunk_of(12, 13, start_offset=10, next_offset=14)
    assert chunk.first_offset == 12
    assert chunk.tp == TopicPartition("web", 3)


def test_a_chunk_may_hold_no_record_at_all() -> None:
    """It then only moves the position."""
    chunk = chunk_of(start_offset=10, next_offset=14)
    assert chunk.first_offset == 14
    assert repr(chunk) == "<Chunk web[3] 10..14 records=0 session=2>"
