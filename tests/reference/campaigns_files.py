"""Random rules files with campaigns, whose hours and waits lie where the lives of `campaigns_strategies` are."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from hypothesis import strategies as st

from tests.reference.campaigns import CHANNELS
from tests.reference.expression import parse_duration

SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1000, 60_000, 3_600_000, 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """The instant at which it is so late in UTC."""
    return (datetime(year, month, day, hour, minute, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Place:
    """A zone, and an instant at which its clocks change (in the last one, they never do)."""

    zone: str
    pivot_ms: int


#: The clocks change by an hour, by half an hour, at midnight, by a whole day.
PLACES = (
    Place("Europe/Berlin", utc(2026, 3, 29, 1)),
    Place("Europe/Berlin", utc(2026, 10, 25, 1)),
    Place("America/New_York", utc(2026, 3, 8, 7)),
    Place("America/New_York", utc(2026, 11, 1, 6)),
    Place("Australia/Lord_Howe", utc(2026, 4, 4, 15)),
    Place("Australia/Lord_Howe", utc(2026, 10, 3, 15, 30)),
    Place("America/Sao_Paulo", utc(2018, 11, 4, 3)),
    Place("America/Sao_Paulo", utc(2019, 2, 17, 2)),
    Place("Pacific/Apia", utc(2011, 12, 30, 10)),
    Place("Pacific/Apia", utc(2021, 4, 3, 14)),
    Place("Asia/Kolkata", utc(2026, 6, 1, 18, 30)),
)
ZONES = tuple(sorted({place.zone for place in PLACES}))


@dataclass(frozen=True, slots=True)
class Scale:
    """How long a life is, and how long things take in it.

    before_ms, after_ms: the pivot. gaps_ms: from one event of a customer's to the next. spells: of triggers, a short
    and a long one. spare_s: the window beyond all waits. pauses: how long operators keep campaigns back.
    """

    before_ms: int
    after_ms: int
    gaps_ms: tuple[int, ...]
    lateness_ms: tuple[int, ...]
    spells: tuple[str, str]
    waits: tuple[str, ...]
    reentries: tuple[str, ...]
    expiries: tuple[str, ...]
    spare_s: tuple[int, ...]
    caps: tuple[str, ...]
    pauses: tuple[str, ...]


TWO_MONTHS = Scale(
    before_ms=20 * DAY_MS,
    after_ms=40 * DAY_MS,
    gaps_ms=(
        *(0, 1, 999, SECOND_MS, MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 6 * HOUR_MS),
        *(12 * HOUR_MS, DAY_MS, DAY_MS, DAY_MS + SECOND_MS, 2 * DAY_MS, 3 * DAY_MS, 5 * DAY_MS, 10 * DAY_MS),
    ),
    lateness_ms=(0, 0, 0, 0, 0, 0, SECOND_MS, HOUR_MS, 5 * HOUR_MS, 30 * HOUR_MS, 6 * DAY_MS),
    spells=("1h", "1d"),
    waits=("1s", "30s", "10m", "1h", "5h", "12h", "1d", "2d", "3d", "7d"),
    reentries=("never", "each time", "each time", "after 1s", "after 1h", "after 2d", "after 14d"),
    expiries=("10m", "2h", "12h", "1d", "1d", "2d", "2d"),
    spare_s=(1, 3600, 86_400, 864_000),
    caps=("day", "day", "day", "1h", "12h", "1d", "2d", "7d", "30d"),
    pauses=("1s", "5m", "1h", "5h", "12h"),
)
#: Short enough to evaluate every second.
TEN_MINUTES = Scale(
    before_ms=4 * MINUTE_MS,
    after_ms=6 * MINUTE_MS,
    gaps_ms=(0, 1, 999, SECOND_MS, 5 * SECOND_MS, 20 * SECOND_MS, 40 * SECOND_MS, MINUTE_MS, 2 * MINUTE_MS),
    lateness_ms=(0, 0, 0, 0, SECOND_MS, 15 * SECOND_MS, MINUTE_MS, HOUR_MS),
    spells=("20s", "1m"),
    waits=("1s", "2s", "15s", "30s", "1m", "2m"),
    reentries=("never", "each time", "each time", "after 1s", "after 45s", "after 1h"),
    expiries=("1s", "20s", "1m", "2m", "5m"),
    spare_s=(1, 20, 90, 3600),
    caps=("day", "day", "1s", "30s", "2m", "1h"),
    pauses=("1s", "10s", "1m", "4m"),
)

TRIGGERS = (
    *(
        "enter away",
        "enter away",
        "exit away",
        "enter shopping",
        "exit shopping",
        "enter busy",
        "exit unhappy",
    ),
    *(
        "band medium",
        "band high",
        "band high both",
        "band medium both",
        "inactive {short}",
        "inactive {long}",
    ),
    *(
        "cart abandoned {short}",
        "cart abandoned {long}",
        "funnel way abandoned {short}",
        "answer nps",
        "answer csat",
    ),
    *("ticket open", "ticket overdue {long}", "becomes events_24h >= 2", "becomes sessions_7d < 2"),
    "becomes recency > {short} and email_consent == 1",
    "becomes emails_7d >= 1 or push_taps_total >= 1",
)
WHENS = (
    "events_total >= 2",
    "recency < 30d",
    "events_30d < 3",
    "not (orders_total > 0)",
    "email_consent == 1",
)
COMPLAINTS = ("open_tickets > 0", "ticket_age > 1h", "negatives_7d >= 1", "nps <= 6")
HOURS = ("10:00", "02:30", "00:00", "21:30", "23:30")
QUIET = (
    "21:00-08:00",
    "22:30-06:15",
    "01:30-03:00",
    "00:00-12:00",
    "12:00-13:00",
    "09:00-08:59",
    "00:00-00:01",
)
#: Minutes from the pivot at which something on the clocks may begin or end.
NEAR_MINUTES = (-3, -2, -1, 0, 1, 2, 3, 4, 5)


def clock(place: Place, minutes: int) -> str:
    """What the clocks show so long after the pivot."""
    at = EPOCH + timedelta(milliseconds=place.pivot_ms, minutes=minutes)
    return f"{at.astimezone(ZoneInfo(place.zone)):%H:%M}"


@st.composite
def some_of(draw: st.DrawFn, /, one_in: int, **options: Any) -> dict[str, Any]:
    """Some of the keys, each with one of its values, in one of so many cases."""
    drawn = {}
    for key, values in options.items():
        if draw(st.integers(1, one_in)) == one_in:
            drawn[key] = draw(st.sampled_from(values))
    return drawn


@st.composite
def quiet_hours(draw: st.DrawFn, place: Place, scale: Scale) -> str:
    """Some of a usual day, or such that begin and end near the pivot."""
    if scale is TWO_MONTHS and draw(st.integers(0, 3)):
        return draw(st.sampled_from(QUIET))
    near = sorted({clock(place, minutes) for minutes in NEAR_MINUTES})
    return "-".join(draw(st.lists(st.sampled_from(near), min_size=2, max_size=2, unique=True)))


@st.composite
def hours(draw: st.DrawFn, place: Place, scale: Scale) -> str:
    """The hour of a step: a usual one, one that begins or ends near the pivot, or the customer's best."""
    near = [clock(place, minutes + of) for minutes in NEAR_MINUTES for of in (0, -60)]
    return str(draw(st.sampled_from(("best_hour", *(HOURS if scale is TWO_MONTHS else near)))))


@st.composite
def policies(draw: st.DrawFn, place: Place, scale: Scale) -> dict[str, Any]:
    """A section `contact`."""
    cap = st.fixed_dictionaries(
        {"most": st.sampled_from((1, 1, 2, 3)), "per": st.sampled_from(scale.caps)},
        optional={"channel": st.sampled_from(CHANNELS[:3])},
    )
    written: dict[str, Any] = {
        "time_zone": draw(st.sampled_from((place.zone, place.zone, place.zone, "UTC", *ZONES))),
        "caps": [draw(cap) for _ in range(draw(st.integers(0, 3)))],
        **draw(some_of(3, complaint=COMPLAINTS)),
        **draw(some_of(5, holdout=("10%", "50%"))),
    }
    if draw(st.booleans()):
        written["quiet_hours"] = draw(quiet_hours(place, scale))
    return written


@st.composite
def steps(draw: st.DrawFn, number: int, place: Place, scale: Scale) -> dict[str, Any]:
    """A step of a ladder; the first may wait, the others must."""
    several = st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=3, unique=True)
    written = {
        "wait": draw(st.sampled_from((None, None, *scale.waits) if number == 1 else scale.waits)),
        "channel": draw(st.sampled_from(("email", "push", "sms", "preferred")) | several),
        "reason": f"Reason {number}",
        **draw(some_of(3, offer=("10_percent",))),
    }
    if draw(st.integers(1, 4)) == 4:
        written["at"] = draw(hours(place, scale))
    return {key: value for key, value in written.items() if value is not None}


@st.composite
def campaigns(draw: st.DrawFn, number: int, place: Place, scale: Scale) -> dict[str, Any]:
    """A campaign with a ladder of one to four steps."""
    length = draw(st.sampled_from((1, 1, 2, 2, 3, 4)))
    ladder = [draw(steps(step, place, scale)) for step in range(1, length + 1)]
    waits_ms = sum(parse_duration(step.get("wait", 0)) for step in ladder)
    window_s = waits_ms // SECOND_MS + draw(st.sampled_from(scale.spare_s))
    short, long = scale.spells
    written: dict[str, Any] = {
        "key": f"campaign_{number}",
        "name": f"Campaign {number}",
        "version": draw(st.integers(1, 3)),
        "on": draw(st.sampled_from(TRIGGERS)).format(short=short, long=long),
        "reentry": draw(st.sampled_from(scale.reentries)),
        "expires_after": draw(st.sampled_from(scale.expiries)),
        **draw(some_of(4, when=WHENS)),
        **draw(some_of(2, priority=(0, 1, 1, 5))),
        **draw(some_of(2, goal=("activity", "order", "order", "none"))),
        **draw(some_of(2, attribution=(f"{window_s}s",))),
        **draw(some_of(4, holdout=("50%", "20%"))),
        **draw(some_of(3, variants=({"short": 1, "long": 1}, {"a": 3, "b": 1, "c": 2}))),
        **draw(some_of(3, budget=(1, 1, 2, 3))),
        **draw(some_of(8, mode=("dry", "live", "live", "paused"))),
    }
    if written.get("mode") == "paused":  # each step looks again every five minutes until it expires
        written["expires_after"] = scale.expiries[0]
    if len(ladder) == 1 and "wait" not in ladder[0]:
        return {**written, **ladder[0]}
    return {**written, "steps": ladder}


@st.composite
def campaign_rules(draw: st.DrawFn, place: Place, scale: Scale) -> str:
    """The text of a rules file."""
    short, long = scale.spells
    segments = (
        {"key": "away", "enter": f"recency > {long}"},
        {"key": "shopping", "enter": "cart_items > 0"},
        {"key": "busy", "enter": "events_24h >= 2", "min_dwell": short},
        {"key": "unhappy", "enter": "open_tickets > 0"},
    )
    known = {"name": "Known", "version": 1, "description": "For tests."}
    churn = (
        {"min_history": short, "hysteresis": 0.0, "bands": {"medium": 0.02, "high": 0.05, "critical": 0.2}},
        {"min_history": long, "hysteresis": 0.1, "bands": {"medium": 0.3, "high": 0.5, "critical": 0.7}},
    )
    written = {
        "currency": "USD",
        "segments": [{**known, **one} for one in segments],
        "funnels": [
            {"key": "way", "version": 1, "steps": ["Signed Up", "Onboarding Completed"], "within": "7d"}
        ],
        "churn": draw(st.sampled_from(churn)),
        "contact": draw(policies(place, scale)),
        "campaigns": [draw(campaigns(n, place, scale)) for n in range(draw(st.integers(1, 4)))],
    }
    return yaml.safe_dump(written, sort_keys=False, allow_unicode=True)
