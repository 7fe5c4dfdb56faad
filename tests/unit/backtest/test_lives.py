"""Whole lives publish what the worker's own shard does, batch by batch."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from streamproc.backtest.chronicle import Lot
from streamproc.backtest.history import HistoricEvent, History
from streamproc.backtest.lives import WholeLives, state_at
from streamproc.backtest.replay import Replay
from streamproc.churn.model import load_model
from streamproc.instants.advance import Lives
from streamproc.rules.load import load_ruleset
from streamproc.state.layout import pack, unpack
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.publish import Signal
from tests.reference.compose import call, encode
from tests.unit.backtest.histories import DAY_MS, chronicles_of, history_of

START_MS = 20_514 * DAY_MS
UNTIL_MS = START_MS + 60 * DAY_MS
WALL_NOW_MS = START_MS + 400 * DAY_MS
DEFINITIONS = Definitions(load_ruleset(None), load_model(None))
PARTITIONS = 3


def disorderly(seed: int) -> list[HistoricEvent]:
    """On three topics, with repeats, events that come late, and some that are none."""
    chance, found = random.Random(seed), list[HistoricEvent]()
    at_ms = START_MS
    for number in range(400):
        at_ms += chance.choice((0, 300, 900, 60_000, 3_600_000, 12_000_000))
        happened_ms = at_ms - chance.choice((0, 0, 0, 2_500, 7_200_000, 95 * DAY_MS))
        customer = f"u-{min(chance.randrange(14), chance.randrange(14))}"
        topic, kind = chance.choice(
            (("events.web", "page"), ("events.app", "screen"), ("events.support", "track"))
        )
        more = {"event": "Ticket Opened"} if kind == "track" else {"name": "Home"}
        value = encode(call(kind, customer, happened_ms, f"m{number}", **more))
        found += [HistoricEvent(topic, value)] * chance.choice((1, 1, 1, 2))
        if chance.random() < 0.05:
            found.append(
                HistoricEvent(
                    topic, chance.choice((b"{", b'{"type":"page","userId":"%b"}' % customer.encode()))
                )
            )
    return found


async def shards(
    history: History, definitions: Definitions = DEFINITIONS
) -> tuple[list[list[Signal]], dict[str, bytes | None], Lives]:
    """What is published by partition, the states at the end, and what was counted."""
    signals: list[list[Signal]] = []
    states: dict[str, bytes | None] = {}
    counted = Lives()
    for partition, logs in enumerate(history.partitions):
        replay = Replay(definitions, WALL_NOW_MS, partition, PARTITIONS)
        published = [signal async for some in replay.through(logs) for signal in some]
        published += [signal async for some in replay.until(UNTIL_MS) for signal in some]
        signals.append(published)
        _, found = await replay.store.browse(partition, 0, 100)
        states |= {customer.decode(): state for customer, state in found}
        counted.repeats += replay.repeats
        counted.too_late += replay.too_late
    return signals, states, counted


def lot_of(events: list[HistoricEvent], definitions: Definitions = DEFINITIONS) -> Lot:
    (chronicle,) = chronicles_of(events, [definitions], WALL_NOW_MS, PARTITIONS)
    return chronicle.lot(range(PARTITIONS))


def lived(lot: Lot, *, records: bool = True) -> tuple[list[list[Signal]], Lives]:
    lives = WholeLives(lot, DEFINITIONS, UNTIL_MS, records, PARTITIONS)
    return by_partition(lives), lives.counts


def by_partition(lives: WholeLives) -> list[list[Signal]]:
    """In the order in which a shard publishes."""
    signals: list[list[Signal]] = [[] for _ in range(PARTITIONS)]
    for some in lives.signals():
        for signal in some:
            signals[signal.origin].append(signal)
    for of_partition in signals:
        of_partition.sort(key=lambda signal: (signal.at_ms, signal.customer))
    return signals


@pytest.mark.parametrize("seed", range(5))
async def test_they_publish_what_shards_do(seed: int) -> None:
    events = disorderly(seed)
    signals, _, counted = await shards(history_of(events, PARTITIONS))
    found, counts = lived(lot_of(events))
    assert [[one.record for one in of_partition] for of_partition in found] == [
        [one.record for one in of_partition] for of_partition in signals
    ]
    assert (counts.repeats, counts.too_late) == (counted.repeats, counted.too_late)
    assert counts.repeats
    assert counts.too_late
    assert sum(map(len, signals)) > 60


async def test_how_many_are_taken_together_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    lot = lot_of(disorderly(7))
    whole = lived(lot)
    monkeypatch.setattr("streamproc.backtest.lives._TOGETHER", 3)
    assert lived(lot) == whole


async def test_without_records_the_same_is_said() -> None:
    lot = lot_of(disorderly(8))
    (whole, _), (brief, _) = lived(lot), lived(lot, records=False)
    assert [[said(one) for one in some] for some in brief] == [[said(one) for one in some] for some in whole]
    assert all(one.packed == b"" for some in brief for one in some)
    assert {one.kind for some in brief for one in some} >= {"entered", "exited", "churn"}


def said(signal: Signal) -> tuple[object, ...]:
    return (
        signal.at_ms,
        signal.customer,
        signal.topic,
        signal.kind,
        signal.key,
        signal.origin,
        signal.action,
    )


async def test_the_state_at_the_end_is_that_of_shards() -> None:
    events = disorderly(9)
    _, states, _ = await shards(history_of(events, PARTITIONS))
    lot = lot_of(events)
    assert sorted(lot.ids) == sorted(states)
    for place, customer in enumerate(lot.ids):
        found = state_at(lot, place, DEFINITIONS, UNTIL_MS)
        (known,) = (unpack([customer], [states[customer]]),)
        found.head["timer_ms"] = known.head["timer_ms"]  # nobody has to come back to them
        assert pack(found) == pack(known)


async def test_a_state_in_between_knows_nothing_later() -> None:
    lot = lot_of(
        [
            HistoricEvent(
                "events.web", encode(call("page", "a", START_MS + day * DAY_MS, f"m{day}", name="x"))
            )
            for day in range(5)
        ]
    )
    for day in range(5):
        table = state_at(lot, 0, DEFINITIONS, START_MS + day * DAY_MS + 1_000)
        assert table.head["events"].tolist() == [day + 1]
    assert state_at(lot, 0, DEFINITIONS, START_MS).head["events"].tolist() == [0]
    assert np.diff(lot.first).tolist() == [5]


BUDGETS = """
contact:
  holdout: 10%
campaigns:
  - {key: miss, name: Missed, version: 1, on: inactive 2d, priority: 2, reentry: each time, budget: 5, holdout: 20%,
     goal: none, expires_after: 1d, steps: [{channel: email, reason: r}, {channel: email, reason: s, wait: 30m}]}
  - {key: visit, name: A visit, version: 1, on: becomes recency < 1d, reentry: after 1h, budget: 4, attribution: 1d,
     expires_after: 2h, channel: email, reason: r, goal: order}
  - {key: free, name: Free, version: 1, on: inactive 5d, priority: 9, reentry: never, expires_after: 1d,
     channel: sms, reason: r}
"""


def budgeted(folder: Path) -> Definitions:
    path = folder / "rules.yaml"
    path.write_text(BUDGETS)
    return Definitions(load_ruleset(path), load_model(None))


def restless(seed: int) -> list[HistoricEvent]:
    """Forty customers who may be asked, and come and go."""
    chance, found = random.Random(seed), list[HistoricEvent]()
    for number in range(40):
        traits = {"consent": {"email": chance.random() < 0.9, "sms": True}}
        word = call("identify", f"u-{number}", START_MS, f"i{number}", traits=traits)
        found.append(HistoricEvent("events.web", encode(word)))
    at_ms = START_MS
    for number in range(300):
        at_ms += chance.choice((1_000, 600_000, 7_200_000, 14_400_000))
        body = call("page", f"u-{chance.randrange(40)}", at_ms, f"m{number}", name="Home")
        found.append(HistoricEvent("events.web", encode(body)))
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_budgets_hold_as_in_shards(seed: int, tmp_path: Path) -> None:
    """To the byte; no day has more than the budget, and what it refuses is suppressed for it."""
    definitions, events = budgeted(tmp_path), restless(seed)
    published, _, _ = await shards(history_of(events, PARTITIONS), definitions)
    lives = WholeLives(lot_of(events, definitions), definitions, UNTIL_MS, True, PARTITIONS)
    found = by_partition(lives)
    assert lives.events == len(events)
    assert [[one.record for one in some] for some in found] == [
        [one.record for one in some] for some in published
    ]
    decided = [one.action for some in found for one in some if one.action is not None]
    for key, budget in (("miss", 5), ("visit", 4)):
        own = lives.campaigns[key]
        assert max(own.spent.values()) == budget
        asked = Counter(
            one.at_ms // DAY_MS
            for some in found
            for one in some
            if one.action is not None and one.key == key and one.action.kind == "requested"
        )
        assert asked <= own.spent  # the control group's are spent, too
        assert sum(action.abort_type == "budget" for action in decided if action.campaign == key) > 5
    assert not any(action.abort_type == "budget" for action in decided if action.campaign == "free")
    assert not lives.campaigns["free"].spent


async def test_how_many_are_taken_together_does_not_matter_to_budgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definitions = budgeted(tmp_path)
    lot = lot_of(restless(9), definitions)
    whole = WholeLives(lot, definitions, UNTIL_MS, True, PARTITIONS)
    signals = by_partition(whole)
    monkeypatch.setattr("streamproc.backtest.lives._TOGETHER", 3)
    parts = WholeLives(lot, definitions, UNTIL_MS, True, PARTITIONS)
    assert by_partition(parts) == signals
    assert parts.campaigns == whole.campaigns


async def test_where_entries_have_come_to(tmp_path: Path) -> None:
    """Every entry is over, waits for its first step, or is under way."""
    definitions = budgeted(tmp_path)
    lives = WholeLives(
        lot_of(restless(5), definitions), definitions, START_MS + 12 * DAY_MS, False, PARTITIONS
    )
    closed = Counter(
        signal.key
        for some in lives.signals()
        for signal in some
        if signal.action is not None and signal.action.closes
    )
    for key, own in lives.campaigns.items():
        assert own.entries == closed[key] + own.waiting + own.under_way
    assert sum(own.waiting + own.under_way for own in lives.campaigns.values())
    assert set(lives.campaigns) == {"miss", "visit", "free"}


async def test_a_part_of_a_lot_lives_as_in_the_whole() -> None:
    lot = lot_of(disorderly(4))
    places = np.arange(1, len(lot.ids), 3)
    part = lot.part(places)
    assert part.ids == [lot.ids[place] for place in places]
    whole, _ = lived(lot)
    found, _ = lived(part)
    assert found == [[one for one in some if one.customer in part.ids] for some in whole]
    assert lived(lot.part(places[:0]))[0] == [[] for _ in range(PARTITIONS)]
