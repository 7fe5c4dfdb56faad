"""The sizes of segments over time as a picture. Needs the extra `science`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.backtest.flows import Flow
from streamproc.errors import StreamprocError
from streamproc.rules.model import Segment
from streamproc.windows.panes import DAY_MS

_INCHES: Final = (11.0, 2.6)  # of each part: width, height


def check_picture(path: Path) -> None:
    """Raises StreamprocError if `draw` could not write this picture, as far as that can be known before."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase  # noqa: PLC0415 (an extra)
    except ImportError:
        fix = "install it: `pip install 'streamproc[science]'`"
        raise StreamprocError("a picture needs matplotlib", fix=fix) from None
    if path.suffix.lower().removeprefix(".") not in FigureCanvasBase.get_supported_filetypes():
        raise StreamprocError(f"cannot draw {path}", fix="use a name that ends with .png or .svg")
    place = path if path.exists() else path.parent
    if not os.access(place, os.W_OK):
        reason = "you may not write there" if place.exists() else f"there is no directory {place}"
        fix = "name a file in a directory that exists, and that you may write to"
        raise StreamprocError(f"cannot write {path}: {reason}", fix=fix)


def draw(path: Path, segments: Sequence[Segment], flows: Mapping[str, Flow], until_ms: int) -> None:
    """Write a picture (PNG, SVG or PDF, by the name): one part a group, stacked, for at most one of a group holds.

    Segments without a group are lines in the last part. Needs what `check_picture` checks. Raises
    StreamprocError if the file cannot be written all the same.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 (an extra)

    parts = _parts([segment for segment in segments if flows.get(segment.key, Flow()).entries])
    figure = Figure(figsize=(_INCHES[0], _INCHES[1] * max(len(parts), 1)), layout="constrained")
    for place, (name, members) in enumerate(parts.items(), 1):
        axes = figure.add_subplot(len(parts), 1, place)
        days, sizes = _by_day([flows[segment.key] for segment in members], until_ms)
        labels = [segment.name for segment in members]
        if name:
            axes.stackplot(days, sizes, labels=labels, step="post")
        else:
            for label, row in zip(labels, sizes, strict=True):
                axes.step(days, row, where="post", label=label)
        axes.set_title(name.replace("_", " ") or "in no group", loc="left", fontsize="medium")
        axes.set_ylabel("customers")
        axes.legend(
            loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize="small", reverse=bool(name)
        )
        axes.margins(x=0)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        fix = "make room, or name a file elsewhere"
        raise StreamprocError(f"cannot write {path}: {error.strerror or error}", fix=fix) from None


def _parts(segments: Sequence[Segment]) -> dict[str, list[Segment]]:
    """The segments by group, those without one last."""
    parts: dict[str, list[Segment]] = {}
    for segment in segments:
        if segment.group is not None:
            parts.setdefault(segment.group, []).append(segment)
    alone = [segment for segment in segments if segment.group is None]
    return {**parts, "": alone} if alone else parts


def _by_day(flows: Sequence[Flow], until_ms: int) -> tuple[NDArray[np.datetime64], list[list[int]]]:
    """The days from the first change on, and the size of each flow at their ends."""
    first = min(min(flow.sizes) for flow in flows)
    days = range(first, until_ms // DAY_MS + 1)
    sizes = []
    for flow in flows:
        size, row = 0, []
        for day in days:
            size = flow.sizes.get(day, size)
            row.append(size)
        sizes.append(row)
    return np.array(days, "datetime64[D]"), sizes
