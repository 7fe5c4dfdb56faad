"""The demo on a terminal: a dashboard that fits it, from 80 columns and 24 lines on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streamproc.contracts.failures import REASONS, FailureReason
from streamproc.simulate.history import History
from streamproc.simulate.watch import Change, Tally

#: From best to worst.
BANDS: Final = ("low", "medium", "high", "critical")
_BAND_STYLE: Final = {"low": "green", "medium": "yellow", "high": "dark_orange", "critical": "red"}
_KIND_STYLE: Final = {"entered": "green", "left": "dim", "requested": "magenta", "suppressed": "dim magenta"}
_KIND_WORD: Final = {
    "entered": "enters",
    "left": "leaves",
    "risk": "risk is",
    "requested": "request",
    "suppressed": "withheld",
}
_CAUSE_WORD: Final = {"time": "silence", "event": "event"}

_HEADER_LINES: Final = 5
_BORDER_LINES: Final = 2
_FIGURES_MIN: Final = 5
_FIGURES_MAX: Final = 9
_WIDE: Final = 110


@dataclass(slots=True)
class View:
    """What there is to see at one moment. time_ms: how far the worker is in history; None: not started yet."""

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
    rows = min(_FIGURES_MAX, max(_FIGURES_MIN, len(view.tally.sizes)))
    panels = Table.grid(expand=True, padding=0)
    for _ in range(3):
        panels.add_column(ratio=1)
    panels.add_row(
        _panel("segments", _bars(_segments(view.tally, rows)), rows),
        _panel("churn risk", _bars(_bands(view.tally)), rows),
        _panel("reactivation", _actions(view.tally, rows), rows),
    )
    lines = max(1, height - _HEADER_LINES - rows - 2 * _BORDER_LINES)
    latest = list(view.tally.latest)[-lines:]
    return Group(_header(view, width), panels, _panel("latest changes", changes(latest, width), lines))


def _header(view: View, width: int) -> RenderableType:
    title = Table.grid(expand=True)
    title.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    title.add_column(justify="right", no_wrap=True)
    title.add_row(
        f"[bold]streamproc demo[/] [dim]{escape(view.history.about)}[/]", f"[dim]{view.elapsed_s:.0f} s[/]"
    )
    progress = Table.grid(expand=True, padding=(0, 1))
    progress.add_column(no_wrap=True)
    progress.add_column(ratio=1)
    progress.add_column(justify="right", no_wrap=True)
    day = "—" if view.time_ms is None else f"{_instant(view.time_ms):%d %b %Y}"
    progress.add_row(f"[bold cyan]{day}[/]", ProgressBar(total=1.0, completed=view.done), f"{view.done:.0%}")
    figures = (
        f"[bold]{view.applied:,}[/] of {len(view.history.events):,} events"
        f"   [bold]{view.per_second:,.0f}[/]/s   [bold]{view.tally.signals:,}[/] signals"
    )
    if view.tally.signals:
        figures += f", {silence_share(view.tally):.0%} from silence"
    status = Text(view.status, style="dim", no_wrap=True, overflow="ellipsis")
    return Group(title, progress, Text.from_markup(figures), status, Text())


def silence_share(tally: Tally) -> float:
    """The part of the signals that time alone caused, 0 to 1."""
    return tally.causes["time"] / tally.signals if tally.signals else 0.0


def _panel(title: str, content: RenderableType, lines: int) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="dim", height=lines + _BORDER_LINES)


def _segments(tally: Tally, rows: int) -> list[tuple[str, int, str]]:
    # In the order of their first appearance: rows that jump cannot be read.
    return [(key, size, "cyan") for key, size in list(tally.sizes.items())[:rows]]


def _bands(tally: Tally) -> list[tuple[str, int, str]]:
    return [(band, tally.bands[band], _BAND_STYLE[band]) for band in BANDS]


def _bars(figures: Iterable[tuple[str, int, str]]) -> RenderableType:
    """Names, numbers and bars."""
    rows = list(figures)
    most = max((number for _, number, _ in rows), default=0) or 1
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1)
    for name, number, style in rows:
        bar = ProgressBar(
            total=most, completed=number, style="black", complete_style=style, finished_style=style
        )
        table.add_row(escape(name), f"[bold]{number:,}[/]", bar)
    return table


def _actions(tally: Tally, rows: int) -> RenderableType:
    """By campaign: how often it was requested, and how often not, with the reason."""
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    lines = 0
    for campaign in dict.fromkeys(campaign for _, campaign, _ in tally.actions):
        requested = tally.actions["requested", campaign, ""]
        aborted = [
            (abort_type, number)
            for (kind, own, abort_type), number in tally.actions.items()
            if kind == "suppressed" and own == campaign
        ]
        lines += 1 + len(aborted)
        if lines > rows:
            break
        table.add_row(f"[magenta]{escape(campaign)}[/]", f"[bold]{requested:,}[/]")
        for abort_type, number in aborted:
            table.add_row(f"[dim]  not: {escape(abort_type.replace('_', ' '))}[/]", f"[dim]{number:,}[/]")
    return table


def changes(items: Iterable[Change], width: int) -> RenderableType:
    """One line each: when, who, because of what, what, and why."""
    table = Table.grid(expand=True, padding=(0, 1))
    for column_width in (16 if width >= _WIDE else 11, None, None):
        table.add_column(no_wrap=True, width=column_width, style="dim")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis", style="dim")
    for item in items:
        when = item.at[:16].replace("T", " ")
        table.add_row(
            when if width >= _WIDE else when[5:],
            escape(item.customer),
            _CAUSE_WORD.get(item.cause, item.cause),
            _what(item),
            escape(item.why),
        )
    return table


def _what(item: Change) -> str:
    style = _BAND_STYLE[item.what] if item.kind == "risk" else _KIND_STYLE[item.kind]
    return f"[dim]{_KIND_WORD[item.kind]}[/] [{style}]{escape(item.what)}[/]"


def story(items: Iterable[Change], width: int) -> RenderableType:
    """A customer's changes, one line for each instant."""
    instants: dict[str, list[Change]] = {}
    for item in items:
        instants.setdefault(item.at, []).append(item)
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=width >= _WIDE)
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis", style="dim")
    for at, together in instants.items():
        first = together[0]
        what = "[dim],[/] ".join(_what(item) for item in together)
        table.add_row(at[:10], _CAUSE_WORD.get(first.cause, first.cause), what, escape(first.why))
    return table


def refused(reasons: Mapping[str, int]) -> RenderableType:
    """Refused events by reason."""
    table = Table.grid(padding=(0, 1))
    for reason, number in reasons.items():
        table.add_row(f"  {number:,}", f"[red]{reason}[/]", f"[dim]{REASONS[FailureReason(reason)][0]}[/]")
    return table


def progress_line(view: View) -> str:
    """The moment in one line, for logs."""
    day = "not started" if view.time_ms is None else f"{_instant(view.time_ms):%Y-%m-%d}"
    sizes = " ".join(f"{key}={size}" for key, size in view.tally.sizes.items())
    bands = " ".join(f"{band}={view.tally.bands[band]}" for band in BANDS)
    return (
        f"{view.elapsed_s:5.1f} s  {day} {view.done:4.0%}  {view.applied:,} events {view.per_second:,.0f}/s  "
        f"{view.tally.signals:,} signals | {sizes} | risk {bands}"
    )


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
