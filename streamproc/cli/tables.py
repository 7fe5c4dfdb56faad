"""Tables that are never cut: in a file or a pipe they are as wide as they need to be."""

from typing import Final

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table

#: Wider than any table.
_UNBOUNDED: Final = 100_000


def print_table(console: Console, table: Table) -> None:
    """Print a table. Where the terminal is too narrow, headers and columns that may wrap do so.

    Where even that is too wide, lines are longer than the terminal, which breaks them: numbers are shown whole.
    """
    width = console.width
    if not console.is_terminal:
        console.width = _measured(console, table).maximum
    else:
        for column in table.columns:
            if column.no_wrap:
                words = str(column.header).split()
                column.min_width = max(_width(cell) for cell in (*words, *column.cells))
                column.no_wrap = False  # cells have room, headers may break
        console.width = max(width, _measured(console, table).minimum)
    console.print(table, crop=False)
    console.width = width


def _measured(console: Console, table: Table) -> Measurement:
    return Measurement.get(console, console.options.update(max_width=_UNBOUNDED), table)


def _width(cell: RenderableType) -> int:
    return max(map(cell_len, str(cell).split("\n")))
