"""Files that commands write: nothing that is read or written already is lost."""

from pathlib import Path

import pytest

from streamproc.cli.whole_file import check_outputs, write_whole
from streamproc.errors import StreamprocError


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text("{}\n")
    other_name = tmp_path / "link"
    other_name.symlink_to(events)
    for out in (events, other_name):
        with pytest.raises(StreamprocError, match="--out would write over"):
            check_outputs({"--out": out}, [Path("-"), None, events])


def test_two_outputs_are_two_files(tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "sub" / ".." / "a"
    with pytest.raises(StreamprocError, match="which is that of --report"):
        check_outputs({"--report": one, "--plot": None, "--signals": other}, [])


def test_what_can_be_written_may_be(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("old")
    check_outputs({"--report": there, "--signals": tmp_path / "new"}, [Path("-"), Path("-")])
    assert there.read_text() == "old"
    with pytest.raises(StreamprocError, match="there is no directory"):
        check_outputs({"--report": tmp_path / "nowhere" / "x"}, [])


def test_a_link_stays_and_what_it_leads_to_changes(tmp_path: Path) -> None:
    """Workers may know the file by its own name."""
    (tmp_path / "shared").mkdir()
    target, link = tmp_path / "shared" / "cutoffs.json", tmp_path / "cutoffs.json"
    link.symlink_to(target)
    for content in (b"first", b"second"):
        write_whole(link, content)
        assert link.is_symlink()
        assert target.read_bytes() == content
    assert [path.name for path in target.parent.iterdir()] == ["cutoffs.json"]
