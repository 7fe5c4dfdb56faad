"""Campaigns in words, and what the heads of a group say of them."""

from typing import Any

import pytest

from streamproc.api.campaigns import Running, describe_campaign, describe_contact, look_at_running
from streamproc.in_force import campaign_modes
from streamproc.quota import RELEASED, Controls
from streamproc.rules.load import check_text
from streamproc.rules.model import Ruleset
from streamproc.state.memory_store import MemoryStore
from tests.unit.api.running import HELD_MS, heads

STEPS = "reentry: never, expires_after: 1d, channel: email, reason: r}"


def rules(campaign: str = "", **sections: str) -> Ruleset:
    segments = "segments:\n  - {key: dormant, name: D, version: 1, enter: recency > 30d}\n"
    others = "".join(f"{name}: {text}\n" for name, text in sections.items())
    text = f"{segments}{others}campaigns:\n  - {{key: c, name: C, version: 1, {campaign}, {STEPS}\n"
    ruleset, problems = check_text(text, "rules.yaml")
    assert ruleset is not None, problems
    return ruleset


def described(campaign: str) -> dict[str, Any]:
    ruleset = rules(campaign)
    return describe_campaign(ruleset.campaigns[0], ruleset)


@pytest.mark.parametrize(
    ("on", "enters_if", "asks_while"),
    [
        ("enter dormant", "the customer enters dormant", "still in dormant"),
        ("exit dormant", "the customer leaves dormant", "not in dormant again"),
        ("band high", "the churn risk rises to high or above", "the risk is high or above"),
        ("band high both", "the churn risk rises to high or above, or falls below it", None),
        ("inactive 30d", "time since the last activity is more than 30d", "that is still so"),
        ("ticket open", "number of tickets that are open is more than 0", "that is still so"),
        ("answer nps", "time since the last answer to NPS is at most 1h", None),
        (
            "becomes recency > 1d and orders_total >= 2",
            {
                "all": [
                    "time since the last activity is more than 1d",
                    "number of orders since first seen is at least 2",
                ]
            },
            "that is still so",
        ),
    ],
)
def test_every_trigger_in_words(on: str, enters_if: object, asks_while: str | None) -> None:
    found = described(f"on: {on}")
    assert (found["on"], found["enters_if"], found["asks_while"]) == (on, enters_if, asks_while)


def test_what_may_be_left_out() -> None:
    """None, or what holds without it."""
    found = described("on: enter dormant, goal: none")
    assert (found["when"], found["when_in_words"], found["budget"], found["success"]) == (None,) * 4
    assert (found["reentry"], found["again_ms"], found["variants"]) == (
        "never, once somebody was asked",
        None,
        {},
    )
    assert found["steps"] == [
        {
            "step": 1, "wait_ms": 0, "channels": ["email"], "preferred": False, "at": None, "reason": "r",
            "offer": None,
        }
    ]  # fmt: skip


def test_all_that_may_be_said() -> None:
    text = """
campaigns:
  - {key: c, name: C, version: 2, on: band high, when: money_total > 50 USD, reentry: after 14d, priority: 3,
     goal: order, attribution: 9d, holdout: 10%, variants: {short: 1, long: 2}, budget: 7, mode: dry, expires_after: 2d,
     steps: [{channel: preferred, reason: r, at: best_hour}, {wait: 3d, channel: [sms, push], reason: s, offer: o,
     at: '10:00'}]}
"""
    ruleset, problems = check_text(text, "rules.yaml")
    assert ruleset is not None, problems
    found = describe_campaign(ruleset.campaigns[0], ruleset)
    assert (found["when"], found["reentry"]) == ("money_total > 50 USD", "14d after the last request")
    assert found["success"] == "an order within 9d of the first request"
    assert (found["holdout"], found["variants"], found["budget"]) == (0.1, {"short": 1, "long": 2}, 7)
    assert (found["mode"], found["priority"], found["expires_after_ms"]) == ("dry", 3, 172_800_000)
    first, second = found["steps"]
    assert (first["preferred"], first["at"]) == (True, "best_hour")
    assert (second["channels"], second["at"], second["offer"]) == (["sms", "push"], "10:00", "o")


def test_the_policy() -> None:
    contact = "{time_zone: Europe/Berlin, quiet_hours: '21:00-08:00', caps: [{most: 1, per: day}, {most: 2, per: 7d, channel: email}], holdout: 5%}"  # noqa: E501
    ruleset = rules("on: enter dormant", contact=contact)
    found = describe_contact(ruleset.contact, ruleset)
    assert (found["time_zone"], found["quiet_hours"], found["holdout"]) == (
        "Europe/Berlin",
        "21:00-08:00",
        0.05,
    )
    assert [cap["in_words"] for cap in found["caps"]] == ["at most 1 a day", "at most 2 by email in 7d"]
    assert found["complaint_in_words"] == "number of tickets that are open is more than 0"
    ruleset = rules("on: enter dormant", contact="{complaint: ~}")
    found = describe_contact(ruleset.contact, ruleset)
    assert (found["quiet_hours"], found["caps"], found["complaint"], found["complaint_in_words"]) == (
        None, [], None, None,
    )  # fmt: skip


async def test_nobody_has_run_yet() -> None:
    assert await look_at_running(MemoryStore()) == Running({}, Controls(), {}, 0)


async def test_what_runs() -> None:
    """Modes are the rules', unless somebody has said something else."""
    store = await heads(campaigns=b'{"a":"live","b":"dry"}', breaker=b"[%d,{}]" % HELD_MS)
    await store.set_control("a", "paused")
    running = await look_at_running(store)
    assert (running.modes, running.held, running.shards) == ({"a": "live", "b": "dry"}, {1: HELD_MS}, 2)
    assert [running.mode(key, "live") for key in "abc"] == ["paused", "dry", "live"]
    head = await store.read_head(0)
    assert head is not None
    assert campaign_modes(head) == {}


@pytest.mark.parametrize(("released_ms", "held"), [(HELD_MS, {1: HELD_MS}), (HELD_MS + 1, {})])
async def test_what_was_released_is_not_held(released_ms: int, held: dict[int, int]) -> None:
    """Even before the worker has noticed."""
    store = await heads(breaker=b"[%d,{}]" % HELD_MS)
    await store.set_control(RELEASED, str(released_ms))
    assert (await look_at_running(store)).held == held
