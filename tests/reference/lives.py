"""Seeded lives of customers: what they do, channel by channel, over some weeks."""

from dataclasses import dataclass
from random import Random
from typing import Any

from tests.reference.compose import call

SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1000, 60_000, 3_600_000, 86_400_000
WEB, APP, SUPPORT = "events.web", "events.app", "events.support"
OFFSETS_MINUTES = (0, 0, 0, 120, 60, -300, 330)
#: More events in one go than a customer's ring of message ids holds.
BURST_LENGTH = 300

#: More than a customer's favorite can be one of; some are longer than what is kept of them.
CATEGORIES = (
    *("shoes", "shoes", "shoes", "coats", "coats", "hats", "Größe 44", "gloves & scarves", " socks "),
    *(
        "bags",
        "belts",
        "kids",
        "everything for rainy days",
        "Schlussverkauf für Größen ab 44",
        "🎁🎁🎁🎁🎁🎁🎁",
        " ",
    ),
)
SURVEYS = {"nps": (0, 10), "NPS": (0, 10), "csat": (1, 5), "ces": (1, 7), "mood": (1, 3)}
CHECKOUT = ("Checkout Started", "Checkout Step Viewed", "Checkout Step Completed", "Payment Info Entered")

Sent = tuple[int, str, dict[str, Any]]  # when it happened, topic, call


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of customer: how often there is one, how many events of all are theirs, when they are around.

    share: of the customers. weight: events of one, relative to others. days: (earliest start, latest start,
    shortest stay, longest stay) as parts of the whole span. return_after: part of the span they are away
    for.
    """

    share: float
    weight: float
    days: tuple[float, float, float, float]
    return_after: float = 0.0
    support: float = 0.05


PROFILES = {
    "regular": Profile(0.30, 40, (0.0, 0.2, 0.8, 1.0)),
    "daily": Profile(0.08, 160, (0.0, 0.3, 0.7, 1.0)),
    "fading": Profile(0.20, 35, (0.0, 0.4, 0.1, 0.4)),
    "once": Profile(0.20, 4, (0.0, 0.95, 0.0, 0.01)),
    "returning": Profile(0.10, 40, (0.0, 0.1, 0.9, 1.0), return_after=0.45),
    "new": Profile(0.08, 25, (0.8, 0.98, 0.2, 0.2)),
    "complaining": Profile(0.0398, 30, (0.0, 0.5, 0.3, 0.6), support=0.6),
    "hot": Profile(0.0002, 2500, (0.0, 0.1, 0.9, 1.0)),
}
#: Every so many customers is known by an anonymous id only.
ANONYMOUS_EVERY = 12


def customers_of(rng: Random, customers: int) -> list[tuple[str, Profile]]:
    """(id, profile) of all customers; at least two of them hot."""
    names = list(PROFILES)
    chosen = rng.choices(names, [PROFILES[name].share for name in names], k=customers)
    chosen[: min(2, customers)] = ["hot"] * min(2, customers)
    ids = [
        f"anon:v-{rng.getrandbits(40):010x}" if n % ANONYMOUS_EVERY == 5 else f"customer-{n:05d}"
        for n in range(customers)
    ]
    return [(one, PROFILES[name]) for one, name in zip(ids, chosen, strict=True)]


def budgets(people: list[tuple[str, Profile]], events: int) -> list[int]:
    """How many events each customer has: at least one, in all exactly `events`."""
    total = sum(profile.weight for _, profile in people)
    spare = events - len(people)
    counts = [1 + int(spare * profile.weight / total) for _, profile in people]
    for n in range(events - sum(counts)):
        counts[n % len(counts)] += 1
    return counts


class Life:
    """One customer's events, made one visit after the other."""

    def __init__(self, rng: Random, customer: str, profile: Profile, start_ms: int, end_ms: int) -> None:
        self.rng = rng
        self.customer = customer
        self.profile = profile
        span_ms = end_ms - start_ms
        earliest, latest, shortest, longest = profile.days
        self.first_ms = start_ms + int(span_ms * rng.uniform(earliest, latest))
        self.stay_ms = min(int(span_ms * rng.uniform(shortest, longest)), end_ms - self.first_ms)
        self.away_ms = int(span_ms * profile.return_after)
        self.end_ms = end_ms
        self.sent: list[Sent] = []

    def live(self, events: int) -> list[Sent]:
        """`events` calls in the order of their time."""
        if self.rng.random() < 0.6:
            self.identify(self.first_ms)
        while len(self.sent) < events:
            at_ms = self.visit_ms()
            length = BURST_LENGTH if self.profile.weight > 1000 and self.rng.random() < 0.01 else 0
            self.visit(at_ms, length or 1 + int(self.rng.expovariate(1 / 6)))
        # what is cut off is the end of the last visit made, not of the last in time
        return sorted(self.sent[:events], key=lambda one: one[0])

    def visit_ms(self) -> int:
        """When a visit begins: more by day than by night, and not while they are away."""
        at_ms = self.first_ms + int(self.stay_ms * self.rng.random())
        if self.away_ms and self.first_ms + self.stay_ms * 0.2 < at_ms < self.first_ms + self.away_ms:
            at_ms = self.first_ms + int(self.stay_ms * 0.2 * self.rng.random())
        hour = self.rng.choice((7, 9, 10, 12, 12, 15, 17, 18, 19, 20, 20, 21, 22, 23))
        at_ms = at_ms // DAY_MS * DAY_MS + hour * HOUR_MS + self.rng.randrange(HOUR_MS)
        return max(self.first_ms, min(at_ms, self.end_ms - HOUR_MS))

    def visit(self, at_ms: int, length: int) -> None:
        """Some calls one after the other; now and then at once, or after a break of more than a session's
        gap.
        """
        choice = self.rng.random()
        steps = self.support if choice < self.profile.support else self.app if choice < 0.45 else self.web
        usual_ms = SECOND_MS if length == BURST_LENGTH else 70 * SECOND_MS
        for _ in range(length):
            if at_ms > self.end_ms:
                return
            steps(at_ms)
            gap_ms = self.rng.choices((0, 45 * MINUTE_MS, usual_ms), (0.02, 0.02, 0.96))[0]
            at_ms += int(self.rng.expovariate(1 / gap_ms)) if gap_ms else 0

    def say(self, topic: str, kind: str, at_ms: int, **fields: Any) -> None:
        """Send a call with an id of its own, in some time zone."""
        message_id = f"{self.rng.getrandbits(128):032x}"
        offset = self.rng.choice(OFFSETS_MINUTES)
        body = call(kind, self.customer, at_ms, message_id, offset_minutes=offset, **fields)
        self.sent.append((at_ms, topic, body))

    def track(self, topic: str, at_ms: int, event: str, **properties: Any) -> None:
        self.say(topic, "track", at_ms, event=event, properties=properties or None)

    def identify(self, at_ms: int) -> None:
        """Give consent to some channels, now and then withdraw it."""
        channels = self.rng.sample(("email", "push", "sms", "phone", "in_app"), self.rng.randint(1, 3))
        consent = {channel: self.rng.random() < 0.85 for channel in channels}
        self.say(self.rng.choice((WEB, APP)), "identify", at_ms, traits={"consent": consent, "plan": "basic"})

    def web(self, at_ms: int) -> None:
        """One step of a visit in the shop."""
        rng, choice = self.rng, self.rng.random()
        if choice < 0.40:
            own = {"duration_ms": rng.randrange(200, 240_000)} if rng.random() < 0.2 else {}
            name = f"Shop {rng.randrange(50)}" if rng.random() < 0.7 else None
            path = (
                {"path": f"/p/{rng.randrange(50)}"} if rng.random() < 0.8 else {"url": "https://a.example/"}
            )
            self.say(WEB, "page", at_ms, name=name, properties={**path, **own, **self.about()})
        elif choice < 0.62:
            product = rng.choice(({"product_id": rng.randrange(400)}, {"sku": f"sku-{rng.randrange(400)}"}))
            self.track(WEB, at_ms, "Product Viewed", **product, price=rng.randrange(99), **self.about())
        elif choice < 0.66:
            self.track(WEB, at_ms, "Products Searched", query="shoes")
        elif choice < 0.76:
            quantity = {"quantity": rng.randint(1, 4)} if rng.random() < 0.7 else {}
            self.track(WEB, at_ms, "Product Added", **quantity, **self.price())
        elif choice < 0.80:
            self.track(WEB, at_ms, "Product Removed", **self.price())
        elif choice < 0.84:
            self.track(WEB, at_ms, rng.choice(CHECKOUT))
        elif choice < 0.89:
            self.order(at_ms)
        elif choice < 0.94:
            names = ("Email Opened", "Email Link Clicked", "Push Notification Tapped", "Coupon Applied")
            self.track(WEB, at_ms, rng.choice((*names, "Product Shared", "Order Refunded", "Signed Up")))
        elif choice < 0.95:
            self.track(WEB, at_ms, rng.choice(("Unsubscribed", "Email Unsubscribed")))
        elif choice < 0.97:
            self.identify(at_ms)
        else:
            self.track(WEB, at_ms, rng.choice(("Fitting Room Entered", "Größe gewählt", "🎁 Wrapped")))

    def about(self) -> dict[str, Any]:
        """A category, more often than not."""
        return {"category": self.rng.choice(CATEGORIES)} if self.rng.random() < 0.6 else {}

    def price(self) -> dict[str, Any]:
        """What a piece costs, mostly in the shop's currency, if it is said."""
        currency = self.rng.choices(({}, {"currency": "USD"}, {"currency": "EUR"}), (0.5, 0.4, 0.1))[0]
        return {"price": round(self.rng.uniform(0, 120), 2), **currency} if self.rng.random() < 0.8 else {}

    def order(self, at_ms: int) -> None:
        """Money under one of its names, mostly in the shop's currency."""
        money = self.rng.choice((round(self.rng.uniform(1, 400), 2), self.rng.randint(1, 400)))
        currency = self.rng.choices(({}, {"currency": "USD"}, {"currency": "EUR"}), (0.1, 0.8, 0.1))[0]
        names = self.rng.choice((("revenue",), ("revenue", "total"), ("total", "value"), ("value",), ()))
        amounts = {name: money + n for n, name in enumerate(names)}
        self.track(
            WEB, at_ms, "Order Completed", order_id=f"o-{self.rng.getrandbits(32):x}", **amounts, **currency
        )

    def app(self, at_ms: int) -> None:
        """One step in the app."""
        choice = self.rng.random()
        if choice < 0.6:
            own = {"duration_ms": round(self.rng.uniform(0, 90_000), 1)} if self.rng.random() < 0.5 else {}
            self.say(APP, "screen", at_ms, name="Player", properties=own or None)
        else:
            names = ("Application Opened", "Application Backgrounded", "Application Crashed", "Song Played")
            names += ("Content Viewed", "Feature Used", "Push Notification Received", "Onboarding Completed")
            self.track(APP, at_ms, self.rng.choice(names), **self.about())

    def support(self, at_ms: int) -> None:
        """One step of a complaint: about one of the customer's tickets, in a chat, or asked how it was."""
        rng, choice = self.rng, self.rng.random()
        own = {"duration_ms": rng.randrange(60_000)} if rng.random() < 0.3 else {}
        if choice < 0.55:
            names = ("Ticket Opened", "Ticket Opened", "Ticket Reopened", "Ticket Closed", "Ticket Resolved")
            which = rng.randrange(30)
            ticket = rng.choice(
                ({"ticket_id": which}, {"ticket_id": f"{which}"}, {"ticket_id": f"t-{which}"}, {})
            )
            self.track(SUPPORT, at_ms, rng.choice(names), **ticket, **own)
        elif choice < 0.75:
            survey = rng.choice(sorted(SURVEYS))
            score = rng.randint(*SURVEYS[survey])
            self.track(SUPPORT, at_ms, "Survey Question Answered", survey=survey, score=score, **own)
        else:
            names = ("Live Chat Conversation Started", "Live Chat Message Sent")
            self.track(SUPPORT, at_ms, rng.choice(names), **own)
