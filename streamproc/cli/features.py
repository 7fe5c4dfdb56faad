"""`streamproc features`: every name that a rule may use."""

import difflib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from streamproc.cli.reference import families, meaning_of, windows_of
from streamproc.cli.rules_file import rules_path
from streamproc.errors import StreamprocError
from streamproc.features.registry import Feature
from streamproc.rules.load import load_ruleset
from streamproc.rules.nearest import one_of

_TITLES: Final = {
    "age": "Ages: they grow in silence",
    "window": "Windows: they shrink in silence",
    "total": "Totals: they stand still in silence",
    "relation": "Relations: they change with their windows",
}
_NEAR_MAX: Final = 3


@click.command("features")
@click.argument("pattern", required=False, default="")
@click.option(
    "--rules",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Rules file, for its funnels.  [default: STREAMPROC_RULES, else the packaged playbook]",
)
@click.option("--kind", type=click.Choice(list(_TITLES)), help="Only this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def features_command(pattern: str, rules: Path | None, kind: str | None, as_json: bool) -> None:
    """List the features that rules may use, or those with PATTERN in their name.

    On a terminal those that differ only by their window W share a row. In a pipe each feature is one line: name,
    unit, kind, whether it is order-free (neither the order of events nor repeats change it), meaning.

    \b
      streamproc features orders
      streamproc features --kind age
      streamproc features --json | jq -r '.[].name'
    """
    features = list(load_ruleset(rules_path(rules)).features.values())
    named = [feature for feature in features if pattern.lower() in feature.name]
    found = [feature for feature in named if kind is None or feature.kind == kind]
    if not found:
        raise _nothing(pattern, kind, features, named)
    console = Console(highlight=False)
    if as_json:
        click.echo(json.dumps([_as_dict(feature) for feature in found], indent=2, ensure_ascii=False))
    elif console.is_terminal:
        print_features(console, found)
    else:
        for line in plain_lines(found):
            click.echo(line)


def print_features(console: Console, features: Iterable[Feature]) -> None:
    """A table for each kind, a row for each family."""
    by_kind: dict[str, dict[str, list[Feature]]] = {}
    for name, family in families(features).items():
        by_kind.setdefault(family[0].kind, {})[family[0].name if len(family) == 1 else name] = family
    for kind, rows in by_kind.items():
        table = Table(box=None, header_style="dim", pad_edge=False)
        table.add_column("feature", no_wrap=True, style="bold")
        for column in ("unit", "order-free", "is", *(("windows",) if kind == "window" else ())):
            table.add_column(column)
        for name, family in rows.items():
            order_free = "yes" if family[0].order_free else "no"
            meaning = family[0].meaning if len(family) == 1 else meaning_of(family)
            cells = (name, family[0].unit, order_free, meaning, windows_of(family))
            table.add_row(*map(escape, cells[: len(table.columns)]))
        console.print(Text(_TITLES[kind], "cyan"))
        console.print(table)
        console.print()


def plain_lines(features: Sequence[Feature]) -> list[str]:
    """One line for each feature, in columns."""
    width = max(len(feature.name) for feature in features)
    return [
        f"{feature.name:{width}}  {feature.unit:8}  {feature.kind:8}  {'yes' if feature.order_free else 'no':3}  "
        f"{feature.meaning}"
        for feature in features
    ]


def _as_dict(feature: Feature) -> dict[str, object]:
    return {
        "name": feature.name,
        "unit": feature.unit,
        "kind": feature.kind,
        "meaning": feature.meaning,
        "order_free": feature.order_free,
        "window_ms": feature.window_ms,
    }


def _nothing(
    pattern: str, kind: str | None, features: Sequence[Feature], named: Sequence[Feature]
) -> StreamprocError:
    """`named`: those of other kinds that have the pattern in their name."""
    names = [feature.name for feature in features if kind is None or feature.kind == kind]
    near = difflib.get_close_matches(pattern.lower(), names, n=_NEAR_MAX, cutoff=0.5)
    which = f"feature of kind {kind}" if kind else "feature"
    if named:
        kinds = one_of(list(dict.fromkeys(feature.kind for feature in named)))
        fix = f"leave out --kind: features of kind {kinds} have it"
    else:
        fix = f"did you mean {one_of(near)}?" if near else "`streamproc features` lists all"
    return StreamprocError(f"no {which} has {pattern!r} in its name", fix=fix)
