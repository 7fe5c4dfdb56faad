"""When and how a customer may be asked: local hours, caps, channels. Slow: minute by minute."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from tests.reference.campaigns import BEST_HOUR, CHANNELS, HOUR_MINUTES, PREFERRED, Cap, ContactPolicy, Step
from tests.reference.customer import Contact, Customer
from tests.reference.features import best_hour

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_HOURS = 24
#: Nothing that comes with the hours of a day takes longer, not even where a day is left out.
SEARCH_MINUTES = 4 * 24 * 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """The names of the zones that there are."""
    return frozenset(available_timezones())


def zone_of(customer: Customer, policy: ContactPolicy) -> str:
    """The zone that the customer told, else that of the policy."""
    return customer.time_zone.said if customer.time_zone is not None else policy.time_zone


def local(at_ms: int, zone: str) -> datetime:
    """What calendars and clocks of the zone show."""
    return (EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))


def local_minute(at_ms: int, zone: str) -> int:
    """The minute of the day on the zone's clocks."""
    at = local(at_ms, zone)
    return at.hour * HOUR_MINUTES + at.minute


def local_date(at_ms: int, zone: str) -> date:
    return local(at_ms, zone).date()


def in_quiet_hours(quiet: tuple[int, int], at_ms: int, zone: str) -> bool:
    """Whether the clocks show a time in [from, to), which may go over midnight."""
    begin, end = quiet
    minute = local_minute(at_ms, zone)
    return begin <= minute < end if begin <= end else minute >= begin or minute < end


def in_slot(step: Step, customer: Customer, at_ms: int, zone: str) -> bool:
    """Whether it is the step's hour; a best hour that is not known is now."""
    if step.at is None:
        return True
    if step.at == BEST_HOUR:
        best = best_hour(customer, at_ms)
        return best is None or at_ms // HOUR_MS % DAY_HOURS == best
    assert isinstance(step.at, int)
    return (local_minute(at_ms, zone) - step.at) % (DAY_HOURS * HOUR_MINUTES) < HOUR_MINUTES


def next_minute(after_ms: int, is_free: Callable[[int], bool]) -> int | None:
    """The first whole minute after an instant at which `is_free`; None if there is none for days."""
    first = after_ms // MINUTE_MS + 1
    for minute in range(first, first + SEARCH_MINUTES):
        if is_free(minute * MINUTE_MS):
            return minute * MINUTE_MS
    return None


def below_cap(cap: Cap, channel: str, contacts: Iterable[Contact], now_ms: int, zone: str) -> bool:
    """Whether one more request on the channel is allowed by the cap."""
    if cap.channel not in (None, channel):
        return True
    counted = [one for one in contacts if cap.channel in (None, one.channel)]
    if cap.per_ms is None:
        today = local_date(now_ms, zone)
        counted = [one for one in counted if local_date(one.at_ms, zone) == today]
    else:
        counted = [one for one in counted if one.at_ms > now_ms - cap.per_ms]
    return len(counted) < cap.most


def channels_of(step: Step, customer: Customer) -> list[str]:
    """The step's channels in the order in which they are tried."""
    if step.channels[0] != PREFERRED:
        return list(step.channels)
    words = customer.answered
    latest = max(words, key=lambda one: (words[one].ts_ms, -CHANNELS.index(one)), default=None)
    first = [] if latest is None else [latest]
    return [*first, *(one for one in step.channels[1:] if one not in first)]


def choose_channel(
    step: Step, customer: Customer, policy: ContactPolicy, now_ms: int
) -> tuple[str | None, str | None]:
    """(channel, None), or (None, why there is none)."""
    consented = [one for one in channels_of(step, customer) if customer.consents_to(one)]
    if not consented:
        return None, "no_consent"
    zone = zone_of(customer, policy)
    for channel in consented:
        if all(below_cap(cap, channel, customer.contacts, now_ms, zone) for cap in policy.caps):
            return channel, None
    return None, "frequency_cap"
