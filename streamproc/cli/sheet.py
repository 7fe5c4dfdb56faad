"""Tables of text: for the terminal and for pages."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamproc.cli.tables import print_table
from streamproc.contracts.printable import printable


class Sheet(NamedTuple):
    """A table. texts: so many columns from the left are text, the others numbers. note: what the columns mean."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    texts: int = 1


def print_sheets(console: Console, summary: Sequence[str], tables: Iterator[Sheet]) -> None:
    """Some lines, and all tables."""
    for line in summary:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for sheet in tables:
        console.print()
        console.print(sheet.title, style="bold cyan", highlight=False, markup=False)
        if sheet.note:
            console.print(sheet.note, style="dim", highlight=False, markup=False, soft_wrap=True)
        if not sheet.columns:
            continue
        if sheet.texts == len(sheet.columns):
            _print_blocks(console, sheet)
        else:
            _print_table(console, sheet)


def _print_table(console: Console, sheet: Sheet) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for place, column in enumerate(sheet.columns):
        is_text = place < sheet.texts
        table.add_column(column, justify="left" if is_text else "right", no_wrap=True)
    for row in sheet.rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    print_table(console, table)


def _print_blocks(console: Console, sheet: Sheet) -> None:
    """A row that is text alone would be too wide for a table: its last two columns have lines of their own."""
    width = max(map(len, sheet.columns[-2:]))
    for row in sheet.rows:
        cells = list(map(printable, row))
        console.print(Text.assemble((cells[0], "bold"), "  ", "  ".join(cells[1:-2])), soft_wrap=True)
        for column, cell in zip(sheet.columns[-2:], cells[-2:], strict=True):
            console.print(Text.assemble((f"  {column:{width}}  ", "dim"), cell), soft_wrap=True)
