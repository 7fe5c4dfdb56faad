"""Hours of the day in which nothing is asked for, in a customer's time zone, and when they are over."""

from datetime import datetime, tzinfo
from functools import cache, lru_cache
from typing import Final

from streamproc.rules.campaign import QuietHours

MINUTE_MS: Final = 60_000
DAY_MINUTES: Final = 24 * 60


def local_time(now_ms: int, zone: tzinfo) -> datetime:
    """What clocks show there."""
    return datetime.fromtimestamp(now_ms / 1000, zone)


@cache
def outside_hour_from(minute: int) -> QuietHours:
    """All of a day but the hour that begins at this minute of it."""
    return QuietHours((minute + 60) % DAY_MINUTES, minute)


def is_quiet(hours: QuietHours, now_ms: int, zone: tzinfo) -> bool:
    """Whether clocks there show a minute from `from_minute` on, and before `to_minute`."""
    local = local_time(now_ms, zone)
    since = (local.hour * 60 + local.minute - hours.from_minute) % DAY_MINUTES
    return since < (hours.to_minute - hours.from_minute) % DAY_MINUTES


def quiet_until_ms(hours: QuietHours, now_ms: int, zone: tzinfo) -> int:
    """The first whole minute (of UTC) after now that is not quiet. `hours` must leave some of the day."""
    return _minute_after(hours, now_ms // MINUTE_MS, zone) * MINUTE_MS


@lru_cache(maxsize=4096)
def _minute_after(hours: QuietHours, minute: int, zone: tzinfo) -> int:
    local = local_time(minute * MINUTE_MS, zone)
    end = minute + (hours.to_minute - local.hour * 60 - local.minute) % DAY_MINUTES
    if end > minute and local_time(end * MINUTE_MS, zone).utcoffset() == local.utcoffset():
        return end
    # Clocks are put forward or back in between, so that an hour comes twice or not at all.
    end = minute + 1
    while is_quiet(hours, end * MINUTE_MS, zone):
        end += 1
    return end
