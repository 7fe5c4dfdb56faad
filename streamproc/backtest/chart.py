"""A backtest in pictures: sizes of segments over time, flows, campaigns. Needs the extra `science`."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from streamproc.backtest.figures import ByDay, Figures, Flow
from streamproc.errors import StreamprocError
from streamproc.rules.model import Segment
from streamproc.windows.panes import DAY_MS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES: Final = (11.0, 2.6)  # of each part: width, height
_SMALL_INCHES: Final = (3.6, 1.7)
_COLUMNS: Final = 3
#: Lines of one colour differ by their style.
_COLOURS: Final = 10
_STYLES: Final = ("-", "--", ":", "-.")
_DPI: Final = 110

Days = NDArray[np.datetime64]


def check_pictures() -> None:
    """Raises StreamprocError if nothing can be drawn here."""
    try:
        import matplotlib.figure  # noqa: F401, PLC0415 (an extra)
    except ImportError:
        fix = "install it: `pip install '.[science]'`"
        raise StreamprocError("a picture needs matplotlib", fix=fix) from None


def check_picture(path: Path) -> None:
    """Raises StreamprocError if `save` could not draw this picture."""
    check_pictures()
    from matplotlib.backend_bases import FigureCanvasBase  # noqa: PLC0415 (an extra)

    if path.suffix.lower().removeprefix(".") not in FigureCanvasBase.get_supported_filetypes():
        raise StreamprocError(f"cannot draw {path}", fix="use a name that ends with .png or .svg")


def save(figure: "Figure", path: Path) -> None:
    """Write a picture (PNG, SVG or PDF, by the name). Raises StreamprocError if the file cannot be written."""
    try:
        figure.savefig(path, dpi=_DPI)
    except OSError as error:
        fix = "make room, or name a file elsewhere"
        raise StreamprocError(f"cannot write {path}: {error.strerror or error}", fix=fix) from None


def as_svg(figure: "Figure") -> bytes:
    """The picture as SVG."""
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def sizes(segments: Sequence[Segment], flows: Mapping[str, Flow], until_ms: int) -> "Figure":
    """Sizes over time: one part a group, stacked, for at most one of a group holds.

    Segments without a group are lines in the last part.
    """
    parts = _parts([segment for segment in segments if flows.get(segment.key, Flow()).entries])
    figure = _figure((_INCHES[0], _INCHES[1] * max(len(parts), 1)))
    for place, (name, members) in enumerate(parts.items(), 1):
        axes = figure.add_subplot(len(parts), 1, place)
        days, rows = _by_day([flows[segment.key] for segment in members], until_ms)
        labels = [segment.name for segment in members]
        if name:
            axes.stackplot(days, rows, labels=labels, step="post")
        else:
            for line, (label, row) in enumerate(zip(labels, rows, strict=True)):
                style = _STYLES[line // _COLOURS % len(_STYLES)]
                axes.step(days, row, style, where="post", label=label)
        axes.set_title(name.replace("_", " ") or "in no group", loc="left", fontsize="medium")
        axes.set_ylabel("customers")
        axes.legend(
            loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize="small", reverse=bool(name)
        )
        _tidy(axes)
    return figure


def flows_by_day(keys: Sequence[str], flows: Mapping[str, Flow], until_ms: int) -> "Figure":
    """Of each segment who entered (upwards) and left (downwards), day by day."""
    figure, places = _small_multiples(len(keys))
    first = min(min(flows[key].entries) for key in keys)
    for axes, key in zip(places, keys, strict=True):
        days = np.arange(first, until_ms // DAY_MS + 1)
        axes.bar(_dates(days), _counts(flows[key].entries, days), width=1, color="tab:green")
        axes.bar(_dates(days), -_counts(flows[key].exits, days), width=1, color="tab:red")
        axes.set_title(key, loc="left", fontsize="small")
        _tidy(axes)
    return figure


def sizes_by_version(
    keys: Sequence[str], versions: Sequence[Figures], names: Sequence[str], until_ms: int
) -> "Figure":
    """Of each segment its size over time under each version of the rules."""
    figure, places = _small_multiples(len(keys))
    for axes, key in zip(places, keys, strict=True):
        some = [figures.segment(key) for figures in versions]
        days, rows = _by_day(some, until_ms)
        for row, name, style in zip(rows, names, ("-", "--"), strict=False):
            axes.step(days, row, style, where="post", label=name)
        axes.set_title(key, loc="left", fontsize="small")
        _tidy(axes)
    places[0].legend(frameon=False, fontsize="x-small")
    return figure


def requests_by_day(campaigns: Mapping[str, ByDay], until_ms: int) -> "Figure":
    """What each campaign asked for, day by day."""
    figure, places = _small_multiples(len(campaigns))
    first = min(min(days) for days in campaigns.values())
    days = np.arange(first, until_ms // DAY_MS + 1)
    for axes, (key, requested) in zip(places, campaigns.items(), strict=True):
        axes.bar(_dates(days), _counts(requested, days), width=1, color="tab:blue")
        axes.set_title(key, loc="left", fontsize="small")
        _tidy(axes)
    return figure


def _figure(inches: tuple[float, float]) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415 (an extra)

    return Figure(figsize=inches, layout="constrained")


def _small_multiples(count: int) -> "tuple[Figure, list[Axes]]":
    rows = -(-count // _COLUMNS)
    figure = _figure((_SMALL_INCHES[0] * _COLUMNS, _SMALL_INCHES[1] * rows))
    return figure, [figure.add_subplot(rows, _COLUMNS, place) for place in range(1, count + 1)]


def _tidy(axes: "Axes") -> None:
    """Dates that do not run into each other, and nothing beyond the data."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 (an extra)

    locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.xaxis.get_offset_text().set_fontsize("x-small")
    axes.tick_params(labelsize="x-small")
    axes.margins(x=0)


def _parts(segments: Sequence[Segment]) -> dict[str, list[Segment]]:
    """The segments by group, those without one last."""
    parts: dict[str, list[Segment]] = {}
    for segment in segments:
        if segment.group is not None:
            parts.setdefault(segment.group, []).append(segment)
    alone = [segment for segment in segments if segment.group is None]
    return {**parts, "": alone} if alone else parts


def _by_day(flows: Sequence[Flow], until_ms: int) -> tuple[Days, list[list[int]]]:
    """The days from the first change on, and the size of each flow at their ends."""
    changes = [flow.sizes() for flow in flows]
    first = min(min(of_flow, default=until_ms // DAY_MS) for of_flow in changes)
    days = range(first, until_ms // DAY_MS + 1)
    rows = []
    for of_flow in changes:
        size, row = 0, []
        for day in days:
            size = of_flow.get(day, size)
            row.append(size)
        rows.append(row)
    return np.array(days, "datetime64[D]"), rows


def _dates(days: NDArray[np.int64]) -> Days:
    return days.astype("datetime64[D]")


def _counts(counted: ByDay, days: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.array([counted[day] for day in days.tolist()], np.int64)
