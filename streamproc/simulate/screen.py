"""The demo on a terminal: a dashboard that fits it, from 80 columns and 24 lines on."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.layout import Layout
from rich.markup import escape
from rich.measure import Measurement
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from streamproc.contracts.failures import REASONS, FailureReason
from streamproc.contracts.printable import printable
from streamproc.simulate.history import History
from streamproc.simulate.watch import Change, Tally

#: From best to worst.
BANDS: Final = ("low", "medium", "high", "critical")
_BAND_STYLE: Final = {"low": "green", "medium": "yellow", "high": "dark_orange", "critical": "red"}
_KIND_STYLE: Final = {
    "entered": "green",
    "left": "default",
    "requested": "magenta",
    "suppressed": "magenta",
    "ended": "magenta",
}
_KIND_WORD: Final = {
    "entered": "enters",
    "left": "leaves",
    "risk": "risk is",
    "requested": "request",
    "suppressed": "withheld",
    "ended": "ends",
}
_LEGEND: Final = """\
What you will see here:
  event     something that a customer did changed a segment or the risk
  silence   nothing happened, and that changed it: the time had come
  request   a reactivation is asked for: a message to marketing's tools
  withheld  it would be, but something forbids it: no consent, a cooldown
  ends      what came of a request: whether the customer is back
"""
_CAUSE_WORD: Final = {"time": "silence", "event": "event"}

_HEADER_LINES: Final = 5
_BORDER_LINES: Final = 2
_FIGURES_MIN: Final = 5
_FIGURES_MAX: Final = 9
#: From this width on, there is room for the year.
_WIDE: Final = 100
_NAME_MAX: Final = 24


@dataclass(slots=True)
class View:
    """What there is to see at one moment. time_ms: how far the worker is in history; None: not started."""

    history: History
    status: str = ""
    elapsed_s: float = 0.0
    time_ms: int | None = None
    applied: int = 0
    per_second: float = 0.0
    tally: Tally = field(default_factory=Tally)

    @property
    def done(self) -> float:
        """The part of the history that is done, 0 to 1."""
        if self.time_ms is None:
            return 0.0
        span_ms = self.history.until_ms - self.history.first_ms
        return min(1.0, max(0.0, (self.time_ms - self.history.first_ms) / span_ms))


def dashboard(view: View, width: int, height: int) -> RenderableType:
    """All of it, in `width` columns and `height` lines."""
    rows = _rows(view.tally)
    lines = max(1, height - _HEADER_LINES - rows - 2 * _BORDER_LINES)
    # Each shard has its own time, so the last ones to come are not in order.
    latest = sorted(list(view.tally.latest)[-lines:], key=lambda change: change.at)
    content = changes(latest, with_year=width >= _WIDE) if latest else Text(_LEGEND, "dim")
    layout = Layout()
    layout.split_column(
        Layout(_header(view), size=_HEADER_LINES),
        Layout(figures(view.tally), size=rows + _BORDER_LINES),
        Layout(_panel("latest changes", content)),
    )
    return layout


def figures(tally: Tally) -> RenderableType:
    """Segments, churn bands and actions, side by side."""
    rows = _rows(tally)
    panels = (
        _panel("segments" if len(tally.sizes) <= rows else "largest segments", _bars(_segments(tally, rows))),
        _panel("churn risk", _bars(_bands(tally))),
        _panel("reactivation", _actions(tally, rows)),
    )
    # A layout, for a table would render everything twice to find out how wide it is.
    layout = Layout()
    layout.split_row(*map(Layout, panels))
    return _Lines(layout, rows + _BORDER_LINES)


def changes(items: Sequence[Change], *, with_year: bool) -> Text:
    """One line each: when, who, because of what, what, and why."""
    start = 0 if with_year else len("2026-")
    return _lines(items, [item.at[start:16].replace("T", " ") for item in items], with_customer=True)


def story(items: Sequence[Change]) -> Text:
    """The changes of one customer, one line each: the day, because of what, what, and why."""
    days = [item.at[:10] for item in items]
    shown = [" " * len(day) if day == before else day for day, before in zip(days, ["", *days], strict=False)]
    return _lines(items, shown, with_customer=False)


def _lines(items: Sequence[Change], whens: Sequence[str], *, with_customer: bool) -> Text:
    """In columns. Made by hand: a table of that many cells takes too long to be drawn often."""
    customer_width = min(_NAME_MAX, max((len(item.customer) for item in items), default=0))
    what_width = min(_NAME_MAX, max((len(item.what) for item in items), default=0))
    text = Text(no_wrap=True, overflow="ellipsis")
    for item, when in zip(items, whens, strict=True):
        customer = f"{_cut(printable(item.customer), customer_width)} " if with_customer else ""
        cause = _CAUSE_WORD.get(item.cause, item.cause)
        text.append(f"{when} {customer}{cause:7} {_KIND_WORD[item.kind]:8} ", "dim")
        style = _BAND_STYLE[item.what] if item.kind == "risk" else _KIND_STYLE[item.kind]
        text.append(_cut(printable(item.what), what_width), style)
        text.append(f" {printable(item.why)}\n", "dim")
    text.rstrip()
    return text


def _cut(name: str, width: int) -> str:
    return f"{name[: width - 1]}…" if len(name) > width else name.ljust(width)


def refused(reasons: Mapping[str, int]) -> RenderableType:
    """Refused events by reason."""
    table = Table.grid(padding=(0, 1))
    for reason, number in reasons.items():
        meaning = REASONS[FailureReason(reason)][0]
        table.add_row(f"{number:,}", f"[red]{reason}[/]", f"[dim]{escape(meaning)}[/]")
    return table


def progress_line(view: View) -> str:
    """The moment in one line, for logs."""
    day = "not started" if view.time_ms is None else f"{_instant(view.time_ms):%Y-%m-%d}"
    sizes = " ".join(f"{key}={size}" for key, size in view.tally.sizes.items())
    bands = " ".join(f"{band}={view.tally.bands[band]}" for band in BANDS)
    return (
        f"{view.elapsed_s:4.0f} s  {day} {view.done:4.0%}  {view.applied:,} events {view.per_second:,.0f}/s  "
        f"{view.tally.signals:,} signals | {sizes} | risk {bands}"
    )


def silence_share(tally: Tally) -> float:
    """The part of the signals that time alone caused, 0 to 1."""
    return tally.causes["time"] / tally.signals if tally.signals else 0.0


def _header(view: View) -> RenderableType:
    title = Table.grid(expand=True, padding=(0, 1))
    title.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    title.add_column(justify="right", no_wrap=True)
    about = f"[bold]streamproc demo[/]  [dim]{escape(view.history.about)}[/]"
    title.add_row(about, f"[dim]{view.elapsed_s:.0f} s[/]")
    progress = Table.grid(expand=True, padding=(0, 1))
    progress.add_column(no_wrap=True)
    progress.add_column(ratio=1)
    progress.add_column(justify="right", no_wrap=True)
    day = "-- --- ----" if view.time_ms is None else f"{_instant(view.time_ms):%d %b %Y}"
    bar = ProgressBar(total=1.0, completed=view.done, complete_style="cyan", finished_style="cyan")
    progress.add_row(f"[bold cyan]{day}[/]", bar, f"{view.done:.0%}")
    counts = (
        f"[bold]{view.applied:,}[/] of {len(view.history.events):,} events   "
        f"[bold]{view.per_second:,.0f}[/]/s   [bold]{view.tally.signals:,}[/] signals"
    )
    if view.tally.signals:
        counts += f", [bold]{silence_share(view.tally):.0%}[/] out of silence"
    status = Text(view.status, style="dim", no_wrap=True, overflow="ellipsis")
    return Group(title, progress, Text.from_markup(counts), status, Text())


def _rows(tally: Tally) -> int:
    return min(_FIGURES_MAX, max(_FIGURES_MIN, len(tally.sizes)))


def _panel(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="dim")


@dataclass(frozen=True, slots=True)
class _Lines:
    """Content in so many lines, also where it could have more."""

    content: RenderableType
    lines: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self.content, options.update_height(self.lines)):
            yield from line
            yield Segment.line()


def _segments(tally: Tally, rows: int) -> list[tuple[str, int, str]]:
    # The largest, in the order of their first appearance: rows that jump cannot be read.
    largest = {key for key, _ in tally.sizes.most_common(rows)}
    return [(key, size, "cyan") for key, size in tally.sizes.items() if key in largest]


def _bands(tally: Tally) -> list[tuple[str, int, str]]:
    return [(band, tally.bands[band], _BAND_STYLE[band]) for band in BANDS]


@dataclass(frozen=True, slots=True)
class _Bar:
    """A bar of `part` (0 to 1) of the column's width."""

    part: float
    style: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text("━" * math.ceil(self.part * options.max_width), self.style, no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


def _bars(items: Iterable[tuple[str, int, str]]) -> RenderableType:
    """Names, numbers and bars."""
    rows = list(items)
    most = max((number for _, number, _ in rows), default=0) or 1
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1)
    for name, number, style in rows:
        table.add_row(escape(name), f"[bold]{number:,}[/]", _Bar(number / most, style))
    return table


def _actions(tally: Tally, rows: int) -> RenderableType:
    """By campaign: how often it was requested, and what stopped it how often, with the reason."""
    cells: list[tuple[str, str]] = []
    for campaign in dict.fromkeys(campaign for _, campaign, _ in tally.actions):
        requested = tally.actions["requested", campaign, ""]
        cells.append((f"[magenta]{escape(campaign)}[/]", f"[bold]{requested:,}[/]"))
        for (kind, own, abort_type), number in tally.actions.items():
            if kind == "suppressed" and own == campaign:
                reason = escape(abort_type.replace("_", " "))
                cells.append((f"[dim]  ✗ {reason}[/]", f"[dim]{number:,}[/]"))
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    for row in cells[:rows]:
        table.add_row(*row)
    return table


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
