"""The reliability of a model as a picture: what it said against what came. Needs matplotlib (extra `science`)."""

from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from streamproc.churn.quality import Bools
from streamproc.churn.score import Floats
from streamproc.errors import StreamprocError
from streamproc.fitting.forms import FORM_NAMES, Form
from streamproc.fitting.trial import Trial

_INCHES: Final = (10.5, 5.2)
_POINTS: Final = 10
_BARS: Final = 40


def draw(path: Path, trial: Trial) -> None:
    """Write the picture (PNG or SVG, by the name): all states on the left, those near on the right.

    Raises StreamprocError if the file cannot be written.
    """
    figure = Figure(figsize=_INCHES, layout="constrained")
    states = trial.states
    parts = (
        ("all customers", np.ones(len(states), np.bool_)),
        ("near: active within the horizon", states.near),
    )
    lines = figure.subplots(2, 2, sharex=True, height_ratios=(4, 1))
    for column, (title, mask) in enumerate(parts):
        _reliability(lines[0, column], trial, mask)
        lines[0, column].set_title(title, loc="left", fontsize="medium")
        lines[1, column].hist(trial.risks[trial.form][mask], bins=_BARS, range=(0, 1), color="tab:blue")
        lines[1, column].set_xlabel(f"risk of no activity in the next {trial.model.horizon_days} days")
    lines[0, 0].set_ylabel("share without activity")
    lines[1, 0].set_ylabel("states")
    lines[0, 0].legend(loc="upper left", frameon=False, fontsize="small")
    figure.suptitle(f"{trial.model.version}: customers held out", x=0.01, ha="left")
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        fix = "make room, or name a file elsewhere"
        raise StreamprocError(f"cannot write {path}: {error.strerror or error}", fix=fix) from None


def _reliability(axes: Axes, trial: Trial, mask: Bools) -> None:
    axes.plot((0, 1), (0, 1), color="lightgrey", linewidth=1)
    colours: dict[Form, str] = {"recency": "tab:orange", trial.form: "tab:blue"}
    for form, colour in colours.items():
        told, came = _points(trial.risks[form][mask], trial.states.churned[mask])
        axes.plot(told, came, marker="o", markersize=4, color=colour, label=FORM_NAMES[form])
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)


def _points(risk: Floats, churned: Bools) -> tuple[list[float], list[float]]:
    """Mean risk and share churned of groups of equal size, in order of risk."""
    groups = [part for part in np.array_split(np.argsort(risk, kind="stable"), _POINTS) if len(part)]
    return [float(risk[part].mean()) for part in groups], [float(churned[part].mean()) for part in groups]
