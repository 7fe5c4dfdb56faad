"""When customers come: by their own pace, on their days of the week, at their hours."""

from typing import Final

from streamproc.simulate.lives.chance import Chance
from streamproc.simulate.lives.life import DAY_MS, HOUR_MS, MINUTE_MS, Life, lifetime_ms

#: 1 January 1970 was a Thursday.
_FIRST_WEEKDAY: Final = 3
_SATURDAY: Final = 5
_YEAR_DAYS: Final = 365.25
#: Feasts as days of the year: Valentine's, Mother's Day, the summer holidays, Christmas. And the birthday.
_FEASTS: Final = (45, 130, 185, 358)
#: Gifts are bought in the weeks before.
_SEASON_DAYS: Final = 14
#: Hours about the personal peak, and those in which nearly everybody sleeps (UTC).
_SPREAD_HOURS: Final = 2.6
_NIGHT_HOURS: Final = (0.5, 6.0)
_SLEEPS: Final = 0.85
_SLEEP_HOURS: Final = 8.0
#: A visit is over, and has been for a while, before the next one begins.
_APART_MS: Final = 45 * MINUTE_MS
#: Paces wander, but not beyond half and double what suits the persona.
_DRIFT: Final = 0.12
_DRIFT_MOST: Final = 2.0
#: In its last fifth, a life fades: the pauses are so much longer.
_FADING: Final = 0.8
_FADED: Final = 1.7
_PAUSE_DAYS: Final = (35, 75)


def plan_next(life: Life, chance: Chance, after_ms: int) -> None:
    """Set the next visit, after this instant; or end the life, if its time is over."""
    _drift(life, chance)
    life.next_ms = _next_ms(life, chance, after_ms)
    if life.next_ms > life.ends_ms:
        _end(life, chance)


def plan_first(life: Life, chance: Chance) -> None:
    """Set the first visit that we see. Who was known before may be anywhere in a pause."""
    since_ms = int(chance.draw() * life.gap_days * DAY_MS) if life.known else 0
    life.next_ms = _at_hour(life, chance, life.begins_ms + since_ms)
    while life.next_ms < life.begins_ms:
        life.next_ms += DAY_MS
    life.ends_ms = max(life.ends_ms, life.next_ms)


def _drift(life: Life, chance: Chance) -> None:
    usual_days = life.persona.gap_days
    days = life.gap_days * chance.between(1 - _DRIFT, 1 + _DRIFT)
    life.gap_days = min(max(days, usual_days / _DRIFT_MOST), usual_days * _DRIFT_MOST)


def _next_ms(life: Life, chance: Chance, after_ms: int) -> int:
    regular = life.persona.regular
    days = life.gap_days * (regular + (1 - regular) * chance.waiting())
    if after_ms - life.begins_ms > _FADING * (life.ends_ms - life.begins_ms):
        days *= _FADED
    at_ms = _at_hour(life, chance, after_ms + int(days * DAY_MS))
    while at_ms < after_ms + _APART_MS:
        at_ms += DAY_MS
    return at_ms


def _at_hour(life: Life, chance: Chance, about_ms: int) -> int:
    """An instant on that day or soon after it, on a day of the week and at an hour that suit."""
    day = about_ms // DAY_MS
    if life.persona.seasonal:
        day = _season(life, day)
    while chance.draw() >= _welcome(life, day):
        day += 1
    hour = life.peak_hour + _SPREAD_HOURS * chance.bell()
    first, last = _NIGHT_HOURS
    if first < hour % 24 < last and chance.draw() < _SLEEPS:
        hour += _SLEEP_HOURS
    return day * DAY_MS + int(hour % 24 * HOUR_MS)


def _welcome(life: Life, day: int) -> float:
    """How well the day of the week suits, from 0 to 1."""
    weekend = life.persona.weekend
    if (day + _FIRST_WEEKDAY) % 7 >= _SATURDAY:
        return min(1.0, weekend)
    return min(1.0, 1 / weekend)


def _season(life: Life, day: int) -> int:
    """The day, if gifts are bought on it, else the first such day after it."""
    of_year = int(day % _YEAR_DAYS)
    ahead = min((feast - of_year) % 365 for feast in (*_FEASTS, life.birthday))
    return day + max(0, ahead - _SEASON_DAYS)


def _end(life: Life, chance: Chance) -> None:
    """The last visit was the last; unless, after a long pause, there is a second life."""
    first, last = _PAUSE_DAYS
    if chance.draw() >= life.persona.won_back:
        life.over = True
        return
    life.begins_ms = life.next_ms = _at_hour(life, chance, life.ends_ms + chance.whole(first, last) * DAY_MS)
    life.ends_ms = life.begins_ms + lifetime_ms(life.persona, chance)
