"""The parts of docs/metrics.md and docs/features.md that follow from the metric catalogue and the feature registry."""

from collections.abc import Callable, Mapping
from typing import Final

from streamproc.contracts.tables import table
from streamproc.features.registry import FEATURES, Feature
from streamproc.metrics import CATALOGUE
from streamproc.windows.panes import DAY_MS, HOUR_MS, WINDOWS

#: The placeholder for the name of a window, as docs/rules.md and docs/semantics.md use it.
_ANY_WINDOW: Final = "W"


def _metrics(_: str) -> str:
    rows = (
        (
            f"`streamproc_{definition.name}`",
            definition.kind,
            ", ".join(f"`{label}`" for label in definition.labels),
            definition.help,
        )
        for definition in CATALOGUE
    )
    return table(("metric", "kind", "labels", "what it tells"), rows)


def _features(kind: str) -> str:
    """The features of one kind; those that differ by their window only share a row."""
    families: dict[str, list[Feature]] = {}
    for feature in FEATURES.values():
        if feature.kind == kind:
            families.setdefault(_family(feature), []).append(feature)
    rows = [_row(name, features) for name, features in families.items()]
    if kind == "window":
        return table(("feature", "unit", "order-free", "is", "windows"), rows)
    return table(("feature", "unit", "order-free", "is"), (row[:4] for row in rows))


def _family(feature: Feature) -> str:
    return feature.name if feature.window is None else feature.name.replace(feature.window.name, _ANY_WINDOW)


def _row(name: str, features: list[Feature]) -> tuple[str, ...]:
    first = features[0]
    meaning = first.meaning.replace(first.window.name, _ANY_WINDOW) if first.window else first.meaning
    names = ", ".join(feature.window.name for feature in features if feature.window)
    return f"`{name}`", first.unit, "yes" if first.order_free else "no", meaning, names


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
