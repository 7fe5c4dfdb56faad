"""Instants as people read them: the minute in UTC, and how long ago; or by the clocks of a time zone."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from streamproc.actions.zones import zone as zone_by

#: From so many on, the next greater unit is too coarse no longer: 90 minutes, 36 hours, 45 days.
_UNITS: Final = (("day", 86_400, 2), ("hour", 3_600, 2), ("minute", 60, 1))

Told = Callable[[str], str]


def minute(at: str) -> str:
    """`2026-01-31 12:00` of an ISO 8601 instant in UTC."""
    return at[:16].replace("T", " ")


def local_teller(zone: str) -> Told:
    """What writes an instant as `2026-01-31 13:00 (12:00 UTC)`, by the clocks of the zone with this IANA name."""
    clocks = zone_by(zone)

    def told(at: str) -> str:
        utc = datetime.fromisoformat(at).astimezone(UTC)
        local = utc.astimezone(clocks)
        if local.utcoffset() == utc.utcoffset():
            return f"{minute(at)} UTC"
        same_day = local.date() == utc.date()
        return f"{local:%Y-%m-%d %H:%M} ({utc:{'%H:%M' if same_day else '%Y-%m-%d %H:%M'}} UTC)"

    return told


def relative(at: str, as_of: str) -> str:
    """`12 days ago`, `in 3 hours`, `now`: rounded towards now."""
    ahead_s = (datetime.fromisoformat(at) - datetime.fromisoformat(as_of)).total_seconds()
    for unit, unit_s, least in _UNITS:
        amount = int(abs(ahead_s) // unit_s)
        if amount >= least:
            shown = f"{amount} {unit}{'' if amount == 1 else 's'}"
            return f"in {shown}" if ahead_s > 0 else f"{shown} ago"
    return "now"


def teller(as_of: str) -> Told:
    """What writes an instant as `2026-01-31 12:00 (12 days ago)`."""
    return lambda at: f"{minute(at)} ({relative(at, as_of)})"
