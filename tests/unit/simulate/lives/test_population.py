"""The population as a whole: what its events have in common, and what sets its people apart."""

import hashlib
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import islice, pairwise

import pytest

from streamproc.contracts.decode import Decoded, decode_chunk
from streamproc.contracts.meanings import CHANNELS, Meanings
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS
from streamproc.simulate.lives.life import DAY_MS, HOUR_MS
from streamproc.simulate.lives.personas import PERSONAS
from streamproc.simulate.lives.population import Population, customers_for
from streamproc.simulate.lives.records import line, recorded
from streamproc.transport.lines import EVENT_TOPICS
from tests.reference.record import Record
from tests.unit.simulate.lives.people import CUSTOMERS, PLAN, day, happenings, kind, personas

MEANINGS = Meanings(DEFAULT_MEANINGS, "USD")
#: What is done to customers, or by them without being here.
SENT = {
    "Email Delivered",
    "Email Bounced",
    "Email Opened",
    "Email Unsubscribed",
    "Email Marked as Spam",
    "Push Notification Received",
    "identify",
}


def decode(channel: int) -> Decoded:
    """The records of a topic, as the worker reads them."""
    records = [
        Record(offset, record.key, record.value)
        for offset, record in enumerate(recorded(happenings(), "s7"))
        if record.topic == EVENT_TOPICS[channel]
    ]
    return decode_chunk(records, topic=0, origin=channel, meanings=MEANINGS, wall_now_ms=PLAN.end_ms)


def per_customer(*kinds: str) -> dict[str, float]:
    """By persona: how often this happens to one."""
    counted = Counter(personas()[item.who.name] for item in happenings() if kind(item) in kinds)
    return {name: counted[name] / customers for name, customers in Counter(personas().values()).items()}


@pytest.mark.parametrize("channel", range(len(CHANNELS)), ids=CHANNELS)
def test_the_worker_accepts_every_event_and_knows_every_name(channel: int) -> None:
    """With the packaged meanings; on the channel to which the name belongs; money in the rules' currency."""
    decoded = decode(channel)
    assert len(decoded.columns) > 100
    assert (decoded.failures, decoded.unknown_names, decoded.currency_mismatches) == ([], 0, 0)
    assert set(decoded.columns.channel.tolist()) == {channel}


def test_the_engine_finds_what_it_reads() -> None:
    """Money, carts with their worth, products, categories, tickets, scores, durations, consent."""
    web, support = decode(0).columns, decode(2).columns
    assert (web.money_micros[web.order] > 0).all()
    assert (web.cart_micros[web.cart > 0] > 0).all()
    assert (web.consent >= 0).any()
    assert (web.duration_ms >= 0).any()
    assert len(set(web.category)) > 5
    assert (support.survey >= 0).any()
    assert (support.ticket > 0).any()


def test_events_are_in_the_order_of_time_and_before_the_end() -> None:
    """And none before the begin."""
    times = [item.ts_ms for item in happenings()]
    assert times == sorted(times)
    assert PLAN.begin_ms <= times[0]
    assert times[-1] < PLAN.end_ms
    assert PLAN.end_ms - times[-1] < 6 * HOUR_MS


def test_message_ids_are_unique() -> None:
    """Within a series."""
    ids = [(item.who.name, item.number) for item in happenings()]
    assert len(set(ids)) == len(ids)


def test_the_same_seed_gives_the_same_bytes_for_ever() -> None:
    """The sum was computed once: whoever changes the lives changes it, no machine and no Python does."""
    lines = b"".join(map(line, recorded(Population(PLAN, range(40)).happenings(), "s7")))
    assert (
        hashlib.sha256(lines).hexdigest()
        == "61ad733ff48e9145b993309b63e4ca53eb3124dc33965397272c61cb3f4f2adb"
    )


def test_another_seed_gives_other_lives() -> None:
    """From the first event on."""
    other = next(Population(replace(PLAN, seed=8), range(40)).happenings())
    assert other != next(Population(PLAN, range(40)).happenings())


def test_a_life_does_not_depend_on_the_others() -> None:
    """So customers can be counted, and added, one by one."""
    alone = list(Population(PLAN, range(5, 6)).happenings())
    assert alone == [item for item in happenings() if item.who == alone[0].who]


def test_as_many_customers_as_the_events_need() -> None:
    """Not one more."""
    needed = customers_for(PLAN, 3000)
    assert sum(1 for _ in Population(PLAN, range(needed)).happenings()) >= 3000
    assert sum(1 for _ in Population(PLAN, range(needed - 1)).happenings()) < 3000


def test_an_endless_population_goes_on_with_newcomers() -> None:
    """In the order of time, beyond the plan's days."""
    short = replace(PLAN, days=10)
    lived = list(islice(Population(short, range(60), endless=True).happenings(), 20_000))
    assert all(one.ts_ms <= other.ts_ms for one, other in pairwise(lived))
    assert lived[-1].ts_ms > short.end_ms + 20 * DAY_MS
    late = {item.who.name for item in lived if item.ts_ms > short.end_ms}
    assert len({name for name in late if int(name[2:]) >= 60}) > 20


def test_every_persona_is_there() -> None:
    """And nearly everybody does something."""
    assert set(personas().values()) == {persona.name for persona in PERSONAS}
    assert len({item.who for item in happenings()}) > 0.95 * CUSTOMERS


def test_personas_do_what_they_are_named_for() -> None:
    """Compared with each other."""
    orders = per_customer("Order Completed")
    assert orders["weekly_shopper"] > orders["monthly_shopper"] > 1
    assert orders["browser"] == orders["visitor"] == 0
    assert 0.3 < orders["one_time_buyer"] <= 1
    coupons, refunds, articles = (
        per_customer(name) for name in ("Coupon Applied", "Order Refunded", "Article Read")
    )
    assert coupons["deal_hunter"] > 0.5 * orders["deal_hunter"]
    assert refunds["unhappy"] > 0.3 * orders["unhappy"]
    assert articles["reader"] == max(articles.values())
    opened, referred = per_customer("Application Opened"), per_customer("Referral Sent", "Product Shared")
    assert opened["app_first"] == max(opened.values())
    assert referred["advocate"] == max(referred.values())
    onboarded = per_customer("Onboarding Completed")
    assert onboarded["newcomer_done"] > 0.6
    assert onboarded["newcomer_stuck"] < 0.2


def test_customers_sleep_at_night() -> None:
    """From 1 to 6 o'clock (UTC) less happens than in any five hours of the day."""
    hours = Counter(item.ts_ms // HOUR_MS % 24 for item in happenings())
    total = sum(hours.values())
    assert sum(hours[hour] for hour in range(1, 6)) < 0.05 * total
    assert sum(hours[hour] for hour in range(17, 22)) > 0.25 * total


def test_customers_have_hours_of_their_own() -> None:
    """Early ones and late ones."""
    hours = defaultdict(list)
    for item in happenings():
        if kind(item) not in SENT:
            hours[personas()[item.who.name]].append(item.ts_ms // HOUR_MS % 24)
    early, late = sorted(hours["reader"]), sorted(hours["browser"])
    assert early[len(early) // 2] < 12 < late[len(late) // 2]


def test_some_prefer_the_weekend() -> None:
    """Monthly shoppers do; 1 January 1970 was a Thursday."""
    visits = {(item.who, day(item)) for item in happenings() if kind(item) not in SENT}
    of_persona = [when for who, when in visits if personas()[who.name] == "monthly_shopper"]
    weekend = sum((when + 3) % 7 >= 5 for when in of_persona)
    assert weekend / len(of_persona) > 0.33


def test_some_are_lost_some_are_new_and_some_come_back() -> None:
    """A third is silent at the end; people arrive all the time; a few return after five weeks or more."""
    days = defaultdict(set)
    for item in happenings():
        if kind(item) not in SENT:
            days[item.who].add(day(item))
    last_day = PLAN.end_ms // DAY_MS
    silent = [who for who, active in days.items() if last_day - max(active) > 21]
    assert 0.2 < len(silent) / len(days) < 0.6
    arrived = Counter((min(active) * DAY_MS - PLAN.begin_ms) // (30 * DAY_MS) for active in days.values())
    assert all(arrived[month] > 0.05 * CUSTOMERS for month in range(3))
    pauses = [max((b - a for a, b in pairwise(sorted(active))), default=0) for active in days.values()]
    assert sum(pause >= 35 for pause in pauses) > 3


def test_new_customers_sign_up_and_known_ones_sign_in() -> None:
    """And say at once who they are and what they agree to; visitors never do."""
    kinds = defaultdict(list)
    for item in happenings():
        kinds[item.who].append(kind(item))
    for who, all_kinds in kinds.items():
        if who.field == "anonymousId":
            assert "identify" not in all_kinds
            assert who.key == b"anon:" + who.name.encode()
        elif len(all_kinds) > 6:
            place = all_kinds.index("identify")
            assert all_kinds[place - 1] in {"Signed Up", "Signed In"}
