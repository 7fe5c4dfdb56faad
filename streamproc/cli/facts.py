"""Values and evidence as people read them."""

from collections.abc import Iterable
from typing import Any, Final

from streamproc.features.registry import Feature
from streamproc.rules.expression import NEGATED
from streamproc.rules.literals import spell_duration, spell_other

#: As many parts of a duration as there are: milliseconds, too.
_EXACT: Final = 5
_OUTCOMES: Final = {True: "holds", False: "does not hold", None: "unknown: not enough history"}


def counted(count: int, thing: str) -> str:
    """`1 segment`, `2 segments`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def readable(feature: Feature, value: Any) -> str:
    """A feature's value in its unit."""
    match feature.unit:
        case "duration":
            return spell_duration(int(value))
        case "money":
            return f"{value:,.2f}"
        case "percent":
            return f"{value}%"
        case _:
            return f"{value:,}" if isinstance(value, int) else str(value)


def sentence(item: dict[str, Any]) -> str:
    """`recency = 41d > 30d: holds`: what was compared, and how it came out."""
    value, threshold = _sides(item, parts=4)
    return f"{item['feature']} = {value} {item['op']} {threshold}: {_OUTCOMES[item['holds']]}"


def because(evidence: Iterable[dict[str, Any]]) -> str:
    """`recency 41d > 30d, active_days_total 3 >= 1`: each comparison turned so that it is true."""
    return ", ".join(map(_fact, evidence))


def _fact(item: dict[str, Any]) -> str:
    for parts in (2, 4, _EXACT):
        value, threshold = _sides(item, parts)
        if value != threshold.rpartition("=")[2]:
            break
    if item["holds"] is None:
        return f"{item['feature']} {item['op']} {threshold} is unknown"
    op = item["op"] if item["holds"] else NEGATED[item["op"]]
    return f"{item['feature']} {value} {op} {threshold}"


def _sides(item: dict[str, Any], parts: int) -> tuple[str, str]:
    value, threshold, unit = item["value"], item["threshold"], item["unit"]
    if isinstance(threshold, str):
        return _shown(value, unit, parts), spell_other(threshold, unit, parts)
    return _shown(value, unit, parts), _shown(threshold, unit, parts)


def _shown(value: Any, unit: str, parts: int) -> str:
    if value is None:
        return "no value"
    if unit == "ms":
        rest_ms = f" {value % 1000}ms" if parts == _EXACT and value % 1000 else ""
        return spell_duration(value, parts) + rest_ms
    return f"{value}%" if unit == "percent" else str(value)
