"""The acceptance stream: seeded, realistic, with repeats, late and malformed records.

As a producer would have sent it: `arrivals` is the order of sending, `generate` the logs that a broker then
keeps.
"""

import json
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

from tests.reference.campaigns import CHANNELS
from tests.reference.campaigns_outcomes import OUTCOMES
from tests.reference.compose import call, customer_of, encode
from tests.reference.lives import DAY_MS, HOUR_MS, MINUTE_MS, Life, Sent, budgets, customers_of
from tests.reference.malformed import REASONS, malformed
from tests.reference.partition import partition_of
from tests.reference.record import CHANNEL_OF_TOPIC, OUTCOMES_TOPIC, Logs, Record

#: A repeat comes at most this long, and this many of the customer's events, after the first sending.
REPEAT_WITHIN_MS = 6 * HOUR_MS
REPEAT_WITHIN_EVENTS = 100
NETWORK_MS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record as it was sent at `at_ms`. kind: "event", "repeat", or the way in which it is malformed."""

    at_ms: int
    topic: str
    key: bytes | None
    value: bytes | None
    kind: str


def generate(
    seed: int,
    *,
    customers: int = 5000,
    events: int = 200_000,
    days: int = 90,
    duplicates: float = 0.10,
    out_of_order: float = 0.20,
    malformed: float = 0.01,
    outcomes: int = 0,
    partitions: int = 4,
    end_ms: int = 1_780_272_000_000,
) -> Logs:
    """The logs of `arrivals` with these parameters; end_ms: 2026-06-01, 00:00 UTC."""
    sent = arrivals(
        seed,
        customers=customers,
        events=events,
        days=days,
        duplicates=duplicates,
        out_of_order=out_of_order,
        malformed_share=malformed,
        outcomes=outcomes,
        end_ms=end_ms,
    )
    return to_logs(sent, partitions)


def arrivals(
    seed: int,
    *,
    customers: int,
    events: int,
    days: int,
    duplicates: float,
    out_of_order: float,
    malformed_share: float,
    end_ms: int,
    outcomes: int = 0,
) -> list[Arrival]:
    """All records in the order of their sending.

    There are `events` valid ones of distinct ids in the `days` before end_ms; `out_of_order` of them are
    held back by up to a day; `duplicates · events` are sent once more soon after; `malformed_share ·
    events` malformed ones come on top, of every kind alike, and so many `outcomes` of messages.
    """
    rng = Random(seed)
    firsts = first_sendings(rng, lives(rng, customers, events, days, end_ms), out_of_order)
    records = [
        *firsts,
        *repeats(rng, firsts, round(events * duplicates)),
        *broken(rng, firsts, round(events * malformed_share)),
        *reported(rng, firsts, outcomes),
    ]
    records.sort(key=lambda one: one.at_ms)
    return records


def lives(rng: Random, customers: int, events: int, days: int, end_ms: int) -> list[Sent]:
    """Everything that happened."""
    people = customers_of(rng, customers)
    start_ms = end_ms - days * DAY_MS
    happened: list[Sent] = []
    for (customer, profile), count in zip(people, budgets(people, events), strict=True):
        happened += Life(rng, customer, profile, start_ms, end_ms).live(count)
    return happened


def first_sendings(rng: Random, happened: list[Sent], out_of_order: float) -> list[Arrival]:
    """Most are sent at once; a share of them only after an hour, up to a day."""
    sent = []
    for ts_ms, topic, body in happened:
        held_back = rng.random() < out_of_order
        delay_ms = (
            rng.randrange(30 * MINUTE_MS, DAY_MS - MINUTE_MS) if held_back else rng.randrange(NETWORK_MS_MAX)
        )
        sent.append(Arrival(ts_ms + delay_ms, topic, customer_of(body).encode(), encode(body), "event"))
    return sorted(sent, key=lambda one: one.at_ms)


def repeats(rng: Random, firsts: list[Arrival], count: int) -> Iterator[Arrival]:
    """`count` of the records once more, while their customer's ring of message ids still holds them."""
    of_customer: dict[bytes | None, list[int]] = defaultdict(list)
    places = []
    for one in firsts:
        places.append(len(of_customer[one.key]))
        of_customer[one.key].append(one.at_ms)
    for n in rng.sample(range(len(firsts)), count):
        one, times = firsts[n], of_customer[firsts[n].key]
        latest_ms = one.at_ms + REPEAT_WITHIN_MS
        if places[n] + REPEAT_WITHIN_EVENTS < len(times):
            latest_ms = min(latest_ms, times[places[n] + REPEAT_WITHIN_EVENTS])
        # most producers retry within seconds
        soon_ms = min(latest_ms, one.at_ms + 20_000)
        at_ms = rng.randint(one.at_ms, soon_ms if rng.random() < 0.5 else latest_ms)
        yield Arrival(at_ms, one.topic, one.key, one.value, "repeat")


def broken(rng: Random, firsts: list[Arrival], count: int) -> Iterator[Arrival]:
    """`count` malformed records, made of valid ones, of each kind in turn."""
    for kind, _ in zip(cycle(sorted(REASONS)), range(count), strict=False):
        model = rng.choice(firsts)
        body: dict[str, Any] = json.loads(model.value or b"{}")
        body["messageId"] = f"malformed-{rng.getrandbits(64):016x}"
        value = malformed(kind, body)
        yield Arrival(model.at_ms + rng.randrange(HOUR_MS), model.topic, model.key, value, kind)


def reported(rng: Random, firsts: list[Arrival], count: int) -> Iterator[Arrival]:
    """What became of messages: within a day after something that their customers did."""
    for number, one in enumerate(rng.choices(firsts, k=count)):
        at_ms, customer = one.at_ms + rng.randrange(DAY_MS), customer_of(json.loads(one.value or b"{}"))
        said = {"channel": rng.choice(CHANNELS)}
        if rng.random() < 0.5:
            said["action_id"] = "an-action"
        event = rng.choices(OUTCOMES, weights=(8, 4, 2, 1, 1))[0]
        body = call("track", customer, at_ms, f"outcome-{number}", event=event, properties=said)
        yield Arrival(at_ms, OUTCOMES_TOPIC, one.key, encode(body), "event")


def to_logs(sent: Iterable[Arrival], partitions: int) -> Logs:
    """The logs after these were sent in this order; every source topic has all partitions."""
    logs: Logs = {(topic, partition): [] for topic in CHANNEL_OF_TOPIC for partition in range(partitions)}
    known: dict[bytes | None, int] = {None: 0}
    for one in sent:
        if one.key not in known:
            known[one.key] = partition_of((one.key or b"").decode(), partitions)
        log = logs.setdefault((one.topic, known[one.key]), [])
        log.append(Record(len(log), one.key, one.value, one.at_ms))
    return logs


def write_jsonl(path: Path, sent: Iterable[Arrival]) -> None:
    """One line per record, in the order of sending, in the form that `streamproc publish --no-validate`
    reads.

    {"topic", "key", "value"}: an object is the record's value byte for byte, a string its text, null no
    value. What is not UTF-8 is in "value_base64" instead.
    """
    with path.open("w", encoding="utf-8") as file:
        for one in sent:
            key = one.key.decode() if one.key is not None else None
            start = f'{{"topic":{json.dumps(one.topic)},"key":{json.dumps(key)}'
            file.write(f"{start},{written(one)}}}\n")


def written(one: Arrival) -> str:
    """The member of a line that holds the value."""
    if one.value is None:
        return '"value":null'
    try:
        text = one.value.decode()
    except UnicodeDecodeError:
        return f'"value_base64":"{b64encode(one.value).decode()}"'
    return f'"value":{text if one.kind in ("event", "repeat") else json.dumps(text)}'
