"""Instants of the state for people: ISO 8601, or that there is none."""

from streamproc.contracts.instants import to_iso
from streamproc.windows.panes import INF, NEVER


def iso_or_none(at_ms: int) -> str | None:
    """None: it never was, or never will be."""
    return None if at_ms in (NEVER, INF) else to_iso(at_ms)
