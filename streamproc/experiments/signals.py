"""Action signals, as far as a report needs them: fields that it does not know are passed over."""

from datetime import datetime
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import Struct

from streamproc.contracts.events import ANONYMOUS_PREFIX

REQUESTED: Final = "Reactivation Requested"
SUPPRESSED: Final = "Reactivation Suppressed"
ENDED: Final = "Reactivation Ended"
#: The `abort_type` of whom the control group would have been asked for.
HOLDOUT: Final = "holdout"
CONVERTED: Final = "converted"
NOT_CONVERTED: Final = "not_converted"

EventName = Literal["Reactivation Requested", "Reactivation Suppressed", "Reactivation Ended"]


class _Properties(Struct):
    campaign: str
    entry: int
    step: int | None = None
    variant: str | None = None
    holdout: bool = False
    abort_type: str | None = None
    outcome: str | None = None
    goal: str | None = None
    first_requested_at: datetime | None = None


class _Signal(Struct, rename="camel"):
    event: EventName
    timestamp: datetime
    properties: _Properties
    user_id: str | None = None
    anonymous_id: str | None = None


class Arm(NamedTuple):
    """Of a campaign: customers of one variant (None: it has none) who are asked, or held out as control group."""

    campaign: str
    variant: str | None
    holdout: bool


class Said(NamedTuple):
    """What one signal says of an entry. what: the abort type of a suppression, the outcome of an end, else nothing."""

    event: EventName
    arm: Arm
    customer: str
    entry: int
    step: int
    what: str
    goal: str | None
    at: datetime
    first_requested_at: datetime | None

    @property
    def is_exposure(self) -> bool:
        """A request, or that it would have been one."""
        return self.event == REQUESTED or self.what == HOLDOUT


_read: Final = msgspec.json.Decoder(_Signal).decode


def read_signal(value: bytes | None) -> Said | None:
    """What a record of `actions.reactivation` says; None: it is none of these signals, or older than entries."""
    try:
        signal = _read(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    own = signal.properties
    if signal.user_id:
        customer = signal.user_id
    elif signal.anonymous_id:
        customer = ANONYMOUS_PREFIX + signal.anonymous_id
    else:
        return None
    if signal.timestamp.tzinfo is None or (own.first_requested_at and own.first_requested_at.tzinfo is None):
        return None
    what = own.abort_type if signal.event == SUPPRESSED else own.outcome if signal.event == ENDED else ""
    return Said(
        signal.event,
        Arm(own.campaign, own.variant, own.holdout),
        customer,
        own.entry,
        own.step or 0,
        what or "",
        own.goal,
        signal.timestamp,
        own.first_requested_at,
    )
