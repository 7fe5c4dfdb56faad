"""Tables are never cut."""

from io import StringIO

from rich.console import Console
from rich.table import Table

from streamproc.cli.tables import print_table

NAME = "a_segment_with_a_long_name"


def printed(width: int, *, terminal: bool) -> list[str]:
    table = Table(box=None, pad_edge=False)
    table.add_column("segment", no_wrap=True)
    table.add_column("customer days at the end", justify="right", no_wrap=True)
    table.add_row(NAME, "181,042 → 218,073")
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
    print_table(console, table)
    assert console.width == width
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_pipe_gets_lines_as_long_as_they_need_to_be() -> None:
    header, row = printed(20, terminal=False)
    assert header.endswith("customer days at the end")
    assert row.split() == [NAME, "181,042", "→", "218,073"]


def test_headers_break_where_the_terminal_is_narrow() -> None:
    *headers, row = printed(48, terminal=True)
    assert len(headers) > 1
    assert row.split() == [NAME, "181,042", "→", "218,073"]


def test_numbers_are_whole_even_where_there_is_no_room() -> None:
    row = printed(10, terminal=True)[-1]
    assert row.split() == [NAME, "181,042", "→", "218,073"]
