"""Files of events as commands open them."""

import gzip
import io
import sys
from pathlib import Path

import pytest

from streamproc.cli.event_files import no_events, opened
from streamproc.errors import StreamprocError


def test_a_compressed_file_is_named_as_such(tmp_path: Path) -> None:
    """Else each of its lines would be told as one that is no event."""
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(b"{}\n"))
    with pytest.raises(StreamprocError, match="is compressed") as caught, opened(path):
        pass
    assert "gzip -dc" in caught.value.fix


def test_nothing_of_a_file_is_lost_by_looking(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for content in (b"", b"{", b"{}\n{}\n"):
        path.write_bytes(content)
        with opened(path) as file:
            assert file.read() == content


def test_standard_input_may_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(StreamprocError, match="standard input is closed"), opened(Path("-")):
        pass


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{}\n")))
    with opened(Path("-")) as file:
        assert file.read() == b"{}\n"


def test_files_without_events_are_named() -> None:
    error = no_events([Path("a.jsonl"), Path("-")])
    assert error.message == "a.jsonl, <stdin>: no line is an event that is accepted"
