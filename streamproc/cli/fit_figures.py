"""The figures of `streamproc fit`, as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from streamproc.cli.facts import counted
from streamproc.fitting.forms import FORM_NAMES

if TYPE_CHECKING:  # they need scipy, which is an extra
    from streamproc.churn.quality import Quality
    from streamproc.fitting.report import Group, Report

_FIGURES: Final = (("near AUC", "auc_near"), ("all AUC", "auc"), ("Brier", "brier"), ("ECE", "ece"))


def show(console: Console, figures: Report) -> None:
    """Print what was fitted, on what, and how good it is."""
    horizon = figures.horizon_days
    forgets = "" if figures.tau_days is None else f", forgets over {figures.tau_days} days"
    console.print(f"model {figures.version}: {FORM_NAMES[figures.form]}{forgets}", markup=False)
    for note in figures.notes:
        console.print(f"  fallback: {note}", markup=False)
    some = figures.customers_looked_at
    customers = counted(some, "customer") + (f" of {figures.customers:,}" if some < figures.customers else "")
    told = f"{customers}, {figures.states:,} states"
    if figures.churned is None:
        console.print(f"{told}; without outcomes there are no figures to show")
        return
    dates = figures.by_date
    days = f"{len(dates)} dates, {dates[0].as_of} to {dates[-1].as_of}" if len(dates) > 1 else dates[0].as_of
    console.print(
        f"{told} as of {days}; {figures.churned:.1%} of them without activity in the next {horizon} days"
    )
    console.print(
        f"\nOn customers held out (each scored by a model fitted on others); near: active in the last {horizon} days"
    )
    console.print(_quality_table(figures))
    _gain(console, figures)
    console.print("\nWhat the risk meant")
    console.print(_calibration_table(figures.calibration, figures.calibration_near))


def _quality_table(figures: Report) -> Table:
    table = Table(box=None, header_style="dim")
    table.add_column("")
    for name, _ in _FIGURES:
        table.add_column(name, justify="right")
    for form, quality in figures.quality.items():
        taken = " (taken)" if form == figures.form else ""
        cells = [_number(getattr(quality, field)) for _, field in _FIGURES]
        table.add_row(FORM_NAMES[form] + taken, *cells)
    return table


def _gain(console: Console, figures: Report) -> None:
    own: Quality = figures.quality[figures.form]
    base: Quality = figures.quality["recency"]
    if figures.form != "recency":
        console.print(
            f"gain over recency in AUC: {own.auc_near - base.auc_near:+.3f} near, {own.auc - base.auc:+.3f} all"
        )


def _calibration_table(groups: Sequence[Group], near: Sequence[Group]) -> Table:
    table = Table(box=None, header_style="dim")
    for name in ("risk", "states", "mean risk", "churned", "near: states", "mean risk", "churned"):
        table.add_column(name, justify="right")
    for group, own in zip(groups, near, strict=True):
        cells = [
            cell
            for part in (group, own)
            for cell in (f"{part.states:,}", _number(part.risk), _number(part.churned))
        ]
        table.add_row(f"{group.from_:.1f} to {group.to:.1f}", *cells)
    return table


def _number(value: float | None) -> str:
    return "" if value is None or isnan(value) else f"{value:.3f}"
