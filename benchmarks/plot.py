"""Events per core of all programs, and where streamproc must be at least."""

from pathlib import Path
from typing import Final

import matplotlib as mpl

from benchmarks.peers.measure import PEERS
from benchmarks.targets import TARGETS
from benchmarks.throughput import DrawFigures, Throughput

_OURS: Final = "#1f6f8b"
_THEIRS: Final = "#b8bec5"
_BOUND: Final = "#c8553d"
_TITLES: Final = {"uniform": "uniform", "zipf": "Zipf 1.1"}


def plot(throughput: Throughput, file: Path) -> None:
    """Draw it. Needs the extra `science`."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 (only after the backend is chosen)

    file.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(
        len(throughput.draws), 1, figsize=(9, 4.2 * len(throughput.draws)), sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis, (distribution, draw) in zip(axes[:, 0], throughput.draws.items(), strict=True):
        _bars(axis, draw, distribution)
        axis.set_title(
            f"{_TITLES.get(distribution, distribution)}, {throughput.customers:,} customers",
            loc="left",
            fontsize=11,
        )
    axes[-1, 0].set_xlabel("events per second of CPU time of the program's process (log scale)")
    figure.savefig(file, dpi=130)
    plt.close(figure)


def _bars(axis: "mpl.axes.Axes", draw: DrawFigures, distribution: str) -> None:
    names = [*draw.others, *draw.workers]
    found = {name: rate for name in names if (rate := draw.per_cpu_s(name)) is not None}
    order = sorted(found, key=lambda name: found[name].median)
    for place, name in enumerate(order):
        rate, ours = found[name], name in draw.workers
        reach = [[rate.median - rate.least], [rate.most - rate.median]]
        axis.barh(place, rate.median, color=_OURS if ours else _THEIRS, xerr=reach, ecolor="#555555")
        axis.annotate(f" {rate.median:,.0f}", (rate.most, place), va="center", fontsize=8)
        bound = None if ours else _factor(name, distribution)
        if bound is not None:
            axis.plot(rate.median * bound, place, marker="D", color=_BOUND, markersize=6, linestyle="none")
            axis.annotate(
                f"{bound:g}x", (rate.median * bound, place), textcoords="offset points", xytext=(0, 7),
                ha="center", fontsize=7, color=_BOUND,
            )  # fmt: skip
    axis.set_xscale("log")
    axis.margins(x=0.15)
    axis.set_yticks(range(len(order)), [_label(name, draw) for name in order], fontsize=9)
    axis.plot([], [], marker="D", color=_BOUND, linestyle="none", label="streamproc must reach (target)")
    axis.legend(loc="lower right", fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _label(name: str, draw: DrawFigures) -> str:
    return f"streamproc, {name}" if name in draw.workers else PEERS[name].what


def _factor(name: str, distribution: str) -> float | None:
    """How many times another program's rate streamproc must reach; None: there is no such target."""
    key = f"fetch-{distribution}" if name == "fetch" else name
    return next((target.least for target in TARGETS if target.key == key), None)
