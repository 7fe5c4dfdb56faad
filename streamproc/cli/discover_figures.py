"""What `discover` found, as a table and as JSON."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamproc.cli.facts import counted
from streamproc.cli.tables import print_table
from streamproc.contracts.instants import to_iso
from streamproc.contracts.printable import printable
from streamproc.discovery.document import key_of, told
from streamproc.discovery.search import Figures
from streamproc.discovery.study import Target
from streamproc.discovery.suggest import Discovery, Suggestion


def show(console: Console, found: Discovery, out: Path | None) -> None:
    """Whom it was about, a row for each suggestion, and what to do with them. `out`: where they are written."""
    study, target = found.study, found.study.target
    as_of = to_iso(int(study.now_ms.max()))[:10]
    console.print(
        Text(
            f"{counted(len(study.table), 'customer')} active in the {counted(study.horizon_days, 'day')} "
            f"before {as_of}; {_everybody(found)}"
        )
    )
    console.print(
        Text(
            f"{found.conditions:,} conditions and all their pairs tried on {found.train.customers:,} of them, "
            f"{counted(found.tested, 'group')} tested on the other {found.holdout.customers:,}"
        )
    )
    if not found.suggestions:
        console.print(Text("no group stands out on both halves that is no segment yet", "bold"))
        return
    console.print()
    print_table(console, _table(found))
    console.print()
    if out is None:
        console.print(Text("suggestions only; keep them: --out FILE.yaml"))
        return
    console.print(Text(f"written: {printable(str(out))}, in force nowhere"))
    console.print(Text(f"try them: streamproc backtest {printable(str(out))} events.jsonl"))
    if not target.is_share:
        console.print(Text("amounts above the 99th percentile count as if they were that", "dim"))


def as_json(found: Discovery) -> dict[str, Any]:
    """All figures."""
    study, target = found.study, found.study.target
    return {
        "as_of": to_iso(int(study.now_ms.max())),
        "horizon_days": study.horizon_days,
        "target": target.name,
        "less": found.less,
        "customers": len(study.table),
        "train": _figures(found.train, target),
        "holdout": _figures(found.holdout, target),
        "conditions": found.conditions,
        "tested": found.tested,
        "suggestions": [_suggestion(each, target) for each in found.suggestions],
    }


def _suggestion(each: Suggestion, target: Target) -> dict[str, Any]:
    overlaps = None
    if each.overlaps is not None:
        overlaps = {"segment": each.overlaps[0], "jaccard": round(each.overlaps[1], 4)}
    return {
        "key": key_of(each),
        "rule": str(each.rule),
        "train": _figures(each.train, target),
        "holdout": _figures(each.holdout, target),
        "p": each.p,
        "q": each.q,
        "most_alike": overlaps,
    }


def _figures(figures: Figures, target: Target) -> dict[str, Any]:
    mean = round(figures.mean / target.scale, 6)
    return {"customers": figures.customers, "mean": mean, "lift": round(figures.lift, 4)}


def _table(found: Discovery) -> Table:
    target = found.study.target
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("rule")
    for column in ("train", "lift", "holdout", "of them" if target.is_share else "each", "lift", "q"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in found.suggestions:
        alike = ""
        if each.overlaps is not None:
            alike = f"\nmost alike: {printable(each.overlaps[0])} {each.overlaps[1]:.0%}"
        cells = (
            f"{each.train.customers:,}",
            f"{each.train.lift:.2f}",
            f"{each.holdout.customers:,}",
            told(each.holdout.mean, target),
            f"{each.holdout.lift:.2f}",
            f"{each.q:.1g}",
        )
        rule = Text.assemble((printable(str(each.rule)), "bold"), (alike, "dim"))
        table.add_row(rule, *map(Text, cells))
    return table


def _everybody(found: Discovery) -> str:
    target = found.study.target
    n = len(found.study.table)
    mean = float(found.study.outcome.mean()) if n else 0.0
    if target.is_share:
        return f"{told(mean, target)} of them {target.words}"
    return f"they {target.words} {told(mean, target)} each"
