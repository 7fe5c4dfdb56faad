"""One customer's life: what is remembered of it from one appointment to the next."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from streamproc.contracts.events import ANONYMOUS_PREFIX
from streamproc.simulate.lives.chance import Chance
from streamproc.simulate.lives.personas import Persona, persona_at
from streamproc.simulate.lives.shop import CATEGORIES, ONBOARDING, Product

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000

#: Who was there before, and is so often in the app, has installed it.
_APP_OFTEN: Final = 0.2

#: Indices into the topics of the channels.
WEB: Final = 0
APP: Final = 1
SUPPORT: Final = 2


class Who(NamedTuple):
    """A customer in events. field: userId or anonymousId; key: of the Kafka record."""

    field: str
    name: str
    key: bytes


class Happening(NamedTuple):
    """An event. channel: WEB, APP or SUPPORT; number: counts the customer's events; call: without who and when."""

    ts_ms: int
    channel: int
    who: Who
    number: int
    call: Mapping[str, Any]


@dataclass(slots=True)
class Life:
    """A customer. Times are epoch ms.

    known: had an account before the first day. begins_ms: of the present stretch; ends_ms: no visit begins later.
    gap_days: between visits, as it is now; it drifts around the persona's. peak_hour: the customer's own.
    birthday: day of the year. category: the favourite one's place. email, push: consent. next_ms: the next visit.
    over: none will follow. introduced: has said who it is. lured_by: the channel of the message that leads to the
    next visit. steps: of the set-up. asked_ms: when they were last asked whether they recommend us. told: events so
    far. turns: appointments so far.
    """

    number: int
    who: Who
    persona: Persona
    known: bool
    begins_ms: int
    ends_ms: int
    gap_days: float
    peak_hour: float
    birthday: int
    category: int
    email: bool
    push: bool
    next_ms: int = 0
    over: bool = False
    deleted: bool = False
    has_app: bool = False
    introduced: bool = False
    lured_by: str = ""
    steps: int = 0
    orders: int = 0
    asked_ms: int = 0
    cart: list[tuple[Product, int]] = field(default_factory=list)
    told: int = 0
    turns: int = 0


class Diary:
    """What happens, by the day (epoch days) on which it does."""

    __slots__ = ("_days",)

    def __init__(self) -> None:
        self._days: defaultdict[int, list[Happening]] = defaultdict(list)

    def tell(self, life: Life, ts_ms: int, channel: int, call: Mapping[str, Any]) -> None:
        """Write an event down; later days than today are allowed, earlier ones are not."""
        life.told += 1
        self._days[ts_ms // DAY_MS].append(Happening(ts_ms, channel, life.who, life.told, call))

    def tear_out(self, day: int) -> list[Happening]:
        """All of a day, in the order of time."""
        return sorted(self._days.pop(day, ()), key=lambda happening: happening.ts_ms)


def born(number: int, chance: Chance, first_ms: int, last_ms: int) -> Life:
    """A customer who is there from first_ms on, or arrives until last_ms.

    As many are there before as keeps their number the same: as long as lives last, measured by the span.
    """
    chance.turn(number, 0)
    persona = persona_at(chance.draw())
    days = (last_ms - first_ms) / DAY_MS
    known = chance.draw() < persona.lifetime_days / (persona.lifetime_days + days) and not persona.newcomer
    begins_ms = first_ms if known else first_ms + int(chance.draw() * (last_ms - first_ms))
    return Life(
        number=number,
        who=_who(number, persona.anonymous),
        persona=persona,
        known=known,
        begins_ms=begins_ms,
        ends_ms=begins_ms + lifetime_ms(persona, chance),
        gap_days=persona.gap_days * chance.between(0.6, 1.4),
        peak_hour=persona.peak_hour + 1.5 * chance.bell(),
        birthday=chance.whole(1, 365),
        category=chance.whole(0, len(CATEGORIES) - 1),
        email=chance.draw() < persona.email,
        push=chance.draw() < persona.push,
        has_app=known and persona.app > _APP_OFTEN,
        steps=len(ONBOARDING) if known or persona.anonymous else 0,
    )


def lifetime_ms(persona: Persona, chance: Chance) -> int:
    """How long somebody stays."""
    return int(persona.lifetime_days * chance.waiting() * DAY_MS)


def _who(number: int, anonymous: bool) -> Who:
    if anonymous:
        return Who("anonymousId", f"v-{number:06d}", f"{ANONYMOUS_PREFIX}v-{number:06d}".encode())
    return Who("userId", f"c-{number:06d}", f"c-{number:06d}".encode())
