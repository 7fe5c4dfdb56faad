"""Instants as the contracts write them: epoch milliseconds inside, ISO 8601 in UTC outside."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_UTC: Final = datetime(1970, 1, 1)
_MILLISECOND: Final = timedelta(milliseconds=1)
_DAY_MS: Final = 86_400_000
_DIGITS: Final = tuple(f"{number:02}" for number in range(60))
_FIRST_MS: Final = (datetime.min - _EPOCH_UTC) // _MILLISECOND
_LAST_MS: Final = (datetime.max - _EPOCH_UTC) // _MILLISECOND


def to_epoch_ms(instants: Sequence[datetime]) -> list[int]:
    """Epoch milliseconds of instants with an offset, rounded down; exact for every year."""
    since = [instant - _EPOCH for instant in instants]
    return [delta.days * _DAY_MS + delta.seconds * 1000 + delta.microseconds // 1000 for delta in since]


@lru_cache(maxsize=4096)  # the signals of one tick share their instants
def to_iso(at_ms: int) -> str:
    """`2026-01-31T12:00:00.000Z`. Outside the years 1 to 9999, which is all ISO 8601 has, the nearest instant."""
    nearest_ms = min(max(at_ms, _FIRST_MS), _LAST_MS)
    day, ms = divmod(nearest_ms, _DAY_MS)
    second, ms = divmod(ms, 1000)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return f"{_date(day)}T{_DIGITS[hour]}:{_DIGITS[minute]}:{_DIGITS[second]}.{ms:03}Z"


@lru_cache(maxsize=512)
def _date(day: int) -> str:
    return (_EPOCH_UTC + timedelta(days=day)).date().isoformat()


def to_corrected_epoch_ms(received: datetime, sent: datetime, original: datetime) -> int:
    """When it happened by the receiver's clock, in epoch ms, rounded down: received - (sent - original).

    The Segment spec's correction for a sender whose clock is wrong:
    https://segment.com/docs/connections/spec/common/
    """
    return ((received - _EPOCH) - (sent - original)) // _MILLISECOND
