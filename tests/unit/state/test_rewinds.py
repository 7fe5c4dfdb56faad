"""The note that Kafka keeps."""

from dataclasses import replace

import pytest

from streamproc.state.memory_store import MemoryStore
from streamproc.state.rewinds import note_of, read_note, time_in


async def test_a_note_is_read_as_it_was_written() -> None:
    head = await MemoryStore().acquire(
        0, generation=1, member="m", partitions=1, layout=6, offsets_if_new={}, create=True
    )
    note = note_of(replace(head, rewinds=2, seq=30, time_ms=1_780_000_000_000), 29)
    assert (read_note(note), time_in(note)) == ((2, 30, 29), 1_780_000_000_000)
    assert time_in(note_of(head, 0)) == 0


@pytest.mark.parametrize(
    ("note", "read", "time_ms"),
    [
        ("1/2/3", (1, 2, 3), 0),
        ("", (0, -1, -1), 0),
        ("1/2", (0, -1, -1), 0),
        ("1/2/x/4", (0, -1, -1), 0),
        ("1/2/3/4/5", (0, -1, -1), 0),
        ("1/2/٣/4", (0, -1, -1), 0),
    ],
)
def test_notes_of_others_and_of_older_versions(note: str, read: tuple[int, int, int], time_ms: int) -> None:
    assert (read_note(note), time_in(note)) == (read, time_ms)
