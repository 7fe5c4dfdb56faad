"""The parts of docs/metrics.md and docs/features.md that follow from the metric catalogue and the feature registry."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from streamproc.contracts.tables import table
from streamproc.features.registry import FEATURES, Feature
from streamproc.metrics import WEBHOOKS, WORKER
from streamproc.windows.panes import DAY_MS, HOUR_MS, WINDOWS

#: The placeholder for the name of a window, as docs/rules.md and docs/semantics.md use it.
_ANY_WINDOW: Final = "W"
_EXPORTED: Final = {"worker": WORKER, "webhooks": WEBHOOKS}


def _metrics(program: str) -> str:
    """The metrics that one of the programs exports."""
    rows = (
        (
            f"`streamproc_{definition.name}`",
            definition.kind,
            ", ".join(f"`{label}`" for label in definition.labels),
            definition.help,
        )
        for definition in _EXPORTED[program]
    )
    return table(("metric", "kind", "labels", "what it tells"), rows)


def _features(kind: str) -> str:
    """The features of one kind; those that differ by their window only share a row."""
    rows = [
        _row(f"`{name}`", mine) for name, mine in families(FEATURES.values()).items() if mine[0].kind == kind
    ]
    if kind == "window":
        return table(("feature", "unit", "order-free", "is", "windows"), rows)
    return table(("feature", "unit", "order-free", "is"), (row[:4] for row in rows))


def families(features: Iterable[Feature]) -> dict[str, list[Feature]]:
    """Features by name, and those that differ by their window only by one: `events_W`."""
    found: dict[str, list[Feature]] = {}
    for feature in features:
        window = feature.window
        name = feature.name if window is None else feature.name.replace(window.name, _ANY_WINDOW)
        found.setdefault(name, []).append(feature)
    return found


def meaning_of(family: Sequence[Feature]) -> str:
    """The meaning of all of a family."""
    first = family[0]
    return first.meaning.replace(first.window.name, _ANY_WINDOW) if first.window else first.meaning


def windows_of(family: Sequence[Feature]) -> str:
    """`7d, 30d, 90d`; empty for what is no window."""
    return ", ".join(feature.window.name for feature in family if feature.window)


def _row(name: str, family: Sequence[Feature]) -> tuple[str, ...]:
    order_free = "yes" if family[0].order_free else "no"
    return name, family[0].unit, order_free, meaning_of(family), windows_of(family)


def _windows(_: str) -> str:
    rows = (
        (f"`{window.name}`", str(window.length_ms // window.tier.width_ms), _width(window.tier.width_ms))
        for window in WINDOWS
    )
    return table(("window", "panes", "of"), rows)


def _width(width_ms: int) -> str:
    return {DAY_MS: "a day (UTC)", HOUR_MS: "an hour"}.get(width_ms, f"{width_ms // 60_000} minutes")


#: Name to what makes the part; a word after the name is passed on.
PARTS: Final[Mapping[str, Callable[[str], str]]] = {
    "metrics": _metrics,
    "features": _features,
    "windows": _windows,
}
