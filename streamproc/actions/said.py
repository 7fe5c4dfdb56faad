"""What a campaign decides about a customer, and what it must know for that."""

from collections.abc import Callable
from datetime import tzinfo
from typing import NamedTuple

from streamproc.actions.caps import Contact
from streamproc.contracts.signal_types import AbortType, JourneyOutcome, WaitedFor
from streamproc.contracts.signals import ActionKind
from streamproc.windows.panes import NEVER


class Said(NamedTuple):
    """One decision about one entry, to be published.

    place: of the campaign in the file. kind: requested, suppressed or ended. entry, entered_ms: which entry it is, and
    when that was. step: its number, from 1; of one that ended, the last that asked, 0: none did. arm: of the journey.
    closes: nothing more comes of this entry. since_ms: of one that ended, the first request; at_ms: the conversion.
    """

    place: int
    kind: ActionKind
    entry: int
    entered_ms: int
    step: int
    arm: int = 0
    channel: str | None = None
    abort_type: AbortType | None = None
    waited_for: WaitedFor | None = None
    outranked_by: str | None = None
    closes: bool = False
    outcome: JourneyOutcome | None = None
    requests: int = 0
    since_ms: int = NEVER
    at_ms: int = NEVER


class Facts(NamedTuple):
    """One customer at one instant.

    redefined: evaluated under other rules than before. consents: bit c is set for channel code c. reacted: code of the
    channel of the latest reaction, -1: none. best_hour: of the day in UTC, -1: not known. last_activity_ms,
    last_order_ms: NEVER: none. holds: does what led into the campaign at this place still hold?
    """

    customer: str
    now_ms: int
    redefined: bool
    consents: int
    is_suppressed: bool
    complains: bool
    reacted: int
    best_hour: int
    zone: tzinfo
    last_activity_ms: int
    last_order_ms: int
    holds: Callable[[int], bool]
    contacts: list[Contact]
