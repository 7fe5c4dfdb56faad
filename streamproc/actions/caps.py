"""Frequency caps: may there be one more message?"""

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from streamproc.actions.hours import local_time
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.rules.campaign import Cap
from streamproc.windows.panes import DAY_MS

#: Longer than any calendar day, even one that comes twice because a country moves over the date line.
_DAY_MAX_MS: Final = 3 * DAY_MS


class Contact(NamedTuple):
    """A message to the customer: on which channel (code), when."""

    channel: int
    at_ms: int


def is_capped(
    caps: Iterable[Cap], channel: str, contacts: Sequence[Contact], now_ms: int, zone: tzinfo
) -> bool:
    """Whether one more message on `channel` now would be one too many for one of `caps`."""
    return any(
        cap.channel in (None, channel) and _count(cap, contacts, now_ms, zone) >= cap.most for cap in caps
    )


def _count(cap: Cap, contacts: Sequence[Contact], now_ms: int, zone: tzinfo) -> int:
    code = None if cap.channel is None else CONSENT_CHANNELS.index(cap.channel)
    counted = [at_ms for of, at_ms in contacts if code is None or code == of]
    if cap.per_ms is not None:
        since_ms = now_ms - cap.per_ms
        return len([at_ms for at_ms in counted if at_ms > since_ms])
    lately = [at_ms for at_ms in counted if abs(at_ms - now_ms) < _DAY_MAX_MS]
    if not lately:
        return 0
    today = local_time(now_ms, zone).date()
    return [local_time(at_ms, zone).date() for at_ms in lately].count(today)
