"""Segments over time: how many entered and left, how large they were, how long customers stayed."""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

from streamproc.transitions.publish import Signal
from streamproc.windows.panes import DAY_MS


@dataclass(slots=True)
class Flow:
    """What became of one segment. `sizes`: its size at the end of each day (UTC, days since 1970) with a change."""

    entries: int = 0
    exits: int = 0
    size: int = 0
    greatest: int = 0
    sizes: dict[int, int] = field(default_factory=dict)
    stays_ms: list[int] = field(default_factory=list)
    members: set[str] = field(default_factory=set)
    """everybody who was ever inside"""

    @property
    def median_stay_ms(self) -> int | None:
        """How long those stayed who left; None: nobody did."""
        return round(median(self.stays_ms)) if self.stays_ms else None


class Flows:
    """Collects the flows of all segments from signals, in their order."""

    def __init__(self) -> None:
        self.of: dict[str, Flow] = defaultdict(Flow)
        self._since: dict[tuple[str, str], int] = {}

    def add(self, signal: Signal) -> None:
        """Take in a signal; those about other things than segments change nothing."""
        if signal.kind not in ("entered", "exited"):
            return
        flow, place = self.of[signal.key], (signal.key, signal.customer)
        if signal.kind == "entered":
            flow.entries += 1
            flow.size += 1
            flow.greatest = max(flow.greatest, flow.size)
            flow.members.add(signal.customer)
            self._since[place] = signal.at_ms
        else:
            flow.exits += 1
            flow.size -= 1
            flow.stays_ms.append(signal.at_ms - self._since.pop(place))
        flow.sizes[signal.at_ms // DAY_MS] = flow.size
