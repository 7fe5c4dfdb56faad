"""The generated parts of the documentation."""

from pathlib import Path

import pytest

from streamproc.contracts.failures import FailureReason
from streamproc.contracts.tables import fill
from streamproc.errors import StreamprocError

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", ["events.md", "signals.md"])
def test_the_documentation_is_up_to_date(name: str) -> None:
    """Else: run `streamproc schemas`."""
    text = (DOCS / name).read_text(encoding="utf-8")
    assert "<!-- generated: " in text
    assert fill(text) == text


def test_only_the_marked_parts_are_made_anew() -> None:
    """And they hold what the types say."""
    text = "before\n<!-- generated: reasons -->\nold\n<!-- end -->\nafter <!-- end -->\n"
    filled = fill(text)
    assert filled.startswith("before\n<!-- generated: reasons -->\n")
    assert filled.endswith("\n<!-- end -->\nafter <!-- end -->\n")
    assert "old" not in filled
    assert all(f"`{reason}`" in filled for reason in FailureReason)


def test_cells_do_not_break_their_table() -> None:
    """Every row has as many cells as the head."""
    for line in fill("<!-- generated: event-fields -->\n<!-- end -->").splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") == 5


def test_an_unknown_part_is_an_error() -> None:
    """That names the known ones."""
    with pytest.raises(StreamprocError, match="no generated part is called 'nothing'"):
        fill("<!-- generated: nothing -->\n<!-- end -->")
