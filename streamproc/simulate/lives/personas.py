"""Who the customers of the shop are: kinds of people, with what they do and how likely they do it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A kind of customer. Unless said otherwise, numbers are chances from 0 to 1, per visit.

    share: of all customers. newcomer: was not there before the first day. anonymous: never says who it
    is. gap_days: between visits, on average. regular: 0, visits come as they like; 1, as by a clock.
    lifetime_days: on average. won_back: chance of a second life. seasonal: comes before feasts only. once: orders
    once, and leaves. peak_hour: of the day (UTC). weekend: how likely a day of the weekend is, where a
    weekday is 1. app: share of visits in the app.
    """

    name: str
    share: float
    newcomer: bool = False
    anonymous: bool = False
    gap_days: float
    regular: float = 0.3
    lifetime_days: float
    won_back: float = 0.15
    seasonal: bool = False
    once: bool = False
    peak_hour: float = 18.5
    weekend: float = 1.2
    app: float = 0.25

    email: float = 0.65  # consent
    push: float = 0.35  # consent
    opens: float = 0.3  # of the e-mails
    clicks: float = 0.15  # of the e-mails opened; a third as many of the push messages
    unsubscribes: float = 0.004  # of the e-mails

    onboards: float = 0.8  # goes on with the set-up, if it is not done
    searches: float = 0.4
    looks: int = 4  # products looked at, at most
    reads: float = 0.08
    watches: float = 0.04
    uses: float = 0.15  # a feature
    wishes: float = 0.06
    carts: float = 0.25  # puts something into the cart
    orders: float = 0.5  # of the carts
    coupons: float = 0.08  # of the orders
    reviews: float = 0.04
    shares: float = 0.02
    refers: float = 0.004
    refunds: float = 0.03  # of the orders
    trouble: float = 0.02  # writes to support
    answers: float = 0.35  # of the surveys
    nps: tuple[int, int] = (6, 9)  # from, to
    csat: tuple[int, int] = (3, 5)
    farewell: float = 0.15  # says so when leaving, by unsubscribing or deleting


PERSONAS: Final[Sequence[Persona]] = (
    Persona(
        name="weekly_shopper",
        share=0.09,
        gap_days=5,
        regular=0.6,
        lifetime_days=320,
        won_back=0.3,
        opens=0.45,
        carts=0.5,
        orders=0.75,
        nps=(7, 10),
        answers=0.5,
    ),
    Persona(
        name="monthly_shopper",
        share=0.13,
        gap_days=16,
        regular=0.5,
        lifetime_days=380,
        won_back=0.3,
        weekend=1.8,
        carts=0.55,
        orders=0.7,
    ),
    Persona(
        name="deal_hunter",
        share=0.08,
        gap_days=11,
        lifetime_days=240,
        peak_hour=12.5,
        email=0.95,
        push=0.6,
        opens=0.7,
        clicks=0.45,
        searches=0.6,
        carts=0.35,
        orders=0.25,
        coupons=0.85,
    ),
    Persona(
        name="browser",
        share=0.12,
        gap_days=8,
        lifetime_days=150,
        peak_hour=20,
        looks=8,
        wishes=0.12,
        carts=0.12,
        orders=0.0,
        email=0.4,
    ),
    Persona(
        name="app_first",
        share=0.08,
        gap_days=3,
        lifetime_days=220,
        peak_hour=8,
        weekend=0.8,
        app=0.92,
        push=0.85,
        uses=0.5,
        carts=0.2,
    ),
    Persona(
        name="reader",
        share=0.09,
        gap_days=4,
        regular=0.5,
        lifetime_days=260,
        peak_hour=7.5,
        app=0.4,
        searches=0.1,
        looks=1,
        reads=0.85,
        watches=0.45,
        carts=0.03,
        orders=0.4,
        shares=0.05,
        opens=0.55,
    ),
    Persona(
        name="newcomer_stuck",
        share=0.05,
        newcomer=True,
        gap_days=5,
        lifetime_days=16,
        won_back=0.05,
        onboards=0.06,
        carts=0.05,
        orders=0.1,
        nps=(3, 7),
    ),
    Persona(
        name="newcomer_done",
        share=0.06,
        newcomer=True,
        gap_days=4,
        lifetime_days=200,
        onboards=0.9,
        uses=0.3,
        carts=0.3,
        nps=(7, 10),
    ),
    Persona(
        name="unhappy",
        share=0.05,
        gap_days=6,
        lifetime_days=45,
        won_back=0.05,
        carts=0.45,
        orders=0.7,
        refunds=0.55,
        trouble=0.4,
        answers=0.7,
        nps=(0, 4),
        csat=(1, 2),
        opens=0.15,
        unsubscribes=0.03,
        farewell=0.6,
    ),
    Persona(
        name="advocate",
        share=0.04,
        gap_days=5,
        regular=0.5,
        lifetime_days=500,
        won_back=0.4,
        carts=0.4,
        orders=0.7,
        reviews=0.2,
        shares=0.3,
        refers=0.1,
        answers=0.8,
        nps=(9, 10),
        csat=(4, 5),
        opens=0.6,
    ),
    Persona(
        name="one_time_buyer",
        share=0.07,
        gap_days=4,
        lifetime_days=25,
        won_back=0.05,
        once=True,
        carts=0.6,
        orders=0.8,
        email=0.5,
    ),
    Persona(
        name="gift_buyer",
        share=0.04,
        gap_days=6,
        lifetime_days=700,
        seasonal=True,
        weekend=1.5,
        carts=0.6,
        orders=0.7,
    ),
    Persona(
        name="visitor",
        share=0.10,
        anonymous=True,
        gap_days=6,
        lifetime_days=8,
        won_back=0.0,
        app=0.05,
        email=0.0,
        push=0.0,
        onboards=0.0,
        uses=0.0,
        carts=0.08,
        orders=0.0,
        refers=0.0,
        trouble=0.0,
        answers=0.0,
        farewell=0.0,
    ),
)


def persona_at(place: float) -> Persona:
    """The persona at a place from 0 to 1 when all shares stand in a row."""
    for persona in PERSONAS:
        place -= persona.share
        if place < 0:
            return persona
    return PERSONAS[-1]
