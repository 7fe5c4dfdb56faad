"""Rules tried on the customers of a store, without a change of it."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from streamproc.backtest.history import HistoricEvent
from streamproc.backtest.preview import count_customers, preview
from streamproc.backtest.replay import Replay
from streamproc.churn.model import load_model
from streamproc.errors import StreamprocError
from streamproc.in_force import mark_of
from streamproc.rules.load import load_ruleset
from streamproc.state.memory_store import MemoryStore
from streamproc.transitions.definitions import Definitions
from tests.reference.compose import call, encode
from tests.unit.backtest.histories import DAY_MS, replayed

START_MS = 20_514 * DAY_MS
CUSTOMERS = 40
BEFORE = """
segments:
  - {key: known, name: Known, version: 1, enter: events_total >= 1}
  - {key: talker, name: Talker, version: 1, enter: events_total >= 6}
"""
AFTER = """
segments:
  - {key: talker, name: Talker, version: 2, enter: events_total >= 4}
  - {key: listener, name: Listener, version: 1, enter: events_total < 3}
campaigns:
  - {key: ask, name: Ask, version: 1, on: enter talker, channel: email, reason: r, expires_after: 1d, reentry: after 7d}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Callable[[str], Definitions]:
    def make(text: str) -> Definitions:
        path = tmp_path / "rules.yaml"
        path.write_text(text)
        return Definitions(load_ruleset(path), load_model(None))

    return make


async def lived(definitions: Definitions) -> tuple[Replay, dict[str, int]]:
    """A replay under some rules, and how many events each customer has."""
    chance, counts, events = random.Random(2), dict[str, int](), []
    for number in range(150):
        customer = f"u-{chance.randrange(CUSTOMERS)}"
        counts[customer] = counts.get(customer, 0) + 1
        body = call("page", customer, START_MS + number * 60_000, f"m{number}", name="x")
        events.append(HistoricEvent("events.web", encode(body)))
    replay, _ = await replayed(events, definitions, START_MS + 400 * DAY_MS, 0)
    return replay, counts


async def test_who_would_come_and_go_is_counted(rules: Callable[[str], Definitions]) -> None:
    replay, counts = await lived(rules(BEFORE))
    found = await preview(replay.store, rules(AFTER), None, lambda _: None)
    talker, listener, known = (found.segments[key] for key in ("talker", "listener", "known"))
    assert (talker.live_version, talker.version, listener.live_version, known.version) == (1, 2, None, None)
    assert (talker.inside, talker.entering, talker.leaving) == (
        sum(count >= 6 for count in counts.values()), sum(4 <= count < 6 for count in counts.values()), 0,
    )  # fmt: skip
    assert (listener.inside, listener.entering) == (0, sum(count < 3 for count in counts.values()))
    assert (known.inside, known.leaving) == (len(counts), len(counts))
    assert (found.customers, found.changed, found.same) == (len(counts), len(counts), 0)
    assert found.moved == len(counts)
    assert found.triggered == {"ask": talker.entering}
    assert len(listener.told) == 3
    for change in listener.told:
        assert change.entered
        assert change.evidence[0]["value"] == counts[change.customer] < 3


async def test_it_writes_nothing(rules: Callable[[str], Definitions]) -> None:
    replay, counts = await lived(rules(BEFORE))
    ids = [customer.encode() for customer in counts]
    before = [await replay.store.get(0, customer) for customer in ids]
    await preview(replay.store, rules(AFTER), None, lambda _: None)
    assert [await replay.store.get(0, customer) for customer in ids] == before


async def test_the_rules_in_force_change_nothing(rules: Callable[[str], Definitions]) -> None:
    replay, counts = await lived(rules(BEFORE))
    found = await preview(replay.store, rules(BEFORE), None, lambda _: None)
    assert (found.changed, found.same) == (0, len(counts))
    assert found.segments["known"].inside == len(counts)


async def test_a_sample_and_its_progress(
    rules: Callable[[str], Definitions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamproc.state.browse.SCAN", 7)
    replay, counts = await lived(rules(BEFORE))
    done: list[int] = []
    found = await preview(replay.store, rules(AFTER), 10, done.append)
    assert found.customers == sum(done) == 14
    assert await count_customers(replay.store) == len(counts)


async def test_without_customers_there_is_nothing_to_try(rules: Callable[[str], Definitions]) -> None:
    with pytest.raises(StreamprocError, match="no customer is known"):
        await preview(MemoryStore(), rules(AFTER), None, lambda _: None)


WATCHED = """
segments:
  - {key: known, name: Known, version: 1, enter: events_total >= 1}
campaigns:
  - {key: miss, name: Miss, version: 1, on: inactive 1h, channel: email, reason: r, expires_after: 1d, reentry: never}
"""


async def test_watches_of_campaigns_are_no_segments(rules: Callable[[str], Definitions]) -> None:
    """Neither those of the rules to be tried nor those that only the live ones have."""
    replay, counts = await lived(rules(WATCHED))
    for tried in (WATCHED, BEFORE):
        found = await preview(replay.store, rules(tried), None, lambda _: None)
        assert found.segments.keys() <= {"known", "talker"}
        assert found.segments["known"].inside == len(counts)


async def test_campaigns_that_come_and_go_are_named(rules: Callable[[str], Definitions]) -> None:
    replay, _ = await lived(rules(WATCHED))
    found = await preview(replay.store, rules(AFTER), None, lambda _: None)
    assert (found.campaigns_new, found.campaigns_gone) == (["ask"], ["miss"])
    same = await preview(replay.store, rules(WATCHED), None, lambda _: None)
    assert (same.campaigns_new, same.campaigns_gone) == ([], [])


async def test_the_head_tells_the_rules_in_force(rules: Callable[[str], Definitions]) -> None:
    """Also where rules differ in campaigns only."""
    replay, _ = await lived(rules(WATCHED))
    head = await replay.store.read_head(0)
    assert head is not None
    assert head.extra["in_force"] == mark_of(rules(WATCHED))
    assert head.extra["in_force"] != mark_of(rules(WATCHED.replace("expires_after: 1d", "expires_after: 2d")))
