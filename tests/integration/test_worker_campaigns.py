"""`streamproc campaigns pause`, `resume`, `dry` and `release`: a running worker does it within seconds."""

import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.worker import Installation, WorkerProcess, until, wall_ms
from tests.reference.compose import call, to_logs

RULES = """
campaigns:
  - {key: welcome, name: Welcome, version: 1, on: becomes events_total >= 1, reentry: each time, goal: none,
     expires_after: 1d, channel: email, reason: Hello}
  - {key: silent, name: Silent, version: 1, on: inactive 3s, reentry: each time, goal: none,
     expires_after: 1d, channel: email, reason: Where are you}
"""
#: What the commands promise, on a machine that has other things to do, too.
SEEN_WITHIN_S = 20
MANY = 600


@pytest.fixture
async def one_shard(
    kafka_server: str, redis_db: str, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[Installation]:
    """Of one partition, under the live clock."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    made = Installation(kafka_server, redis_db, topic_prefix, tmp_path, 1, rules, "live")
    await made.create_topics()
    yield made
    made.stop_all()


def say(installation: Installation, *arguments: str) -> str:
    ran = installation.command("campaigns", *arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def listed(installation: Installation) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `list --live` says of campaigns, by key, and of the group."""
    found = json.loads(say(installation, "list", "--live", "--json"))
    return {campaign["key"]: campaign["live"] for campaign in found["campaigns"]}, found["live"]


async def visit(installation: Installation, customers: Iterable[str], name: str = "first") -> None:
    """Everybody consents, and looks at a page."""
    now_ms = wall_ms()
    sent = []
    for customer in customers:
        traits = {"consent": {"email": True}}
        sent.append(("events.web", call("identify", customer, now_ms, f"{customer}-{name}-i", traits=traits)))
        sent.append(("events.web", call("page", customer, now_ms + 1, f"{customer}-{name}", name="Home")))
    await installation.publish(to_logs(sent, 1))


async def asked(installation: Installation, campaign: str) -> set[str]:
    """Customers whom a campaign has requested something for."""
    published = await installation.published()
    said = [json.loads(record.value) for record in published.records.get(("actions.reactivation", 0), [])]
    return {
        signal["userId"]
        for signal in said
        if (signal["event"], signal["properties"]["campaign"]) == ("Reactivation Requested", campaign)
    }


def hears(worker: WorkerProcess, said: str) -> None:
    """Until the worker has heard it."""
    worker.wait_for(lambda: "campaigns are told" in worker.text and said in worker.text, SEEN_WITHIN_S)


async def is_asked(installation: Installation, campaign: str, customer: str) -> bool:
    return customer in await asked(installation, campaign)


async def test_pause_and_resume(one_shard: Installation) -> None:
    worker = one_shard.worker().wait_ready()
    assert say(one_shard, "pause", "welcome").startswith("welcome: paused (before: live)\n")
    hears(worker, "'welcome': 'paused'")
    await visit(one_shard, ["ada"])
    # The other campaign asks, so the worker has come past the instant at which this one would have.
    await until(lambda: is_asked(one_shard, "silent", "ada"), SEEN_WITHIN_S)
    assert await asked(one_shard, "welcome") == set()
    campaigns, group = listed(one_shard)
    assert campaigns["welcome"] == {"in_force": True, "mode": "paused", "said": "paused"}
    assert campaigns["silent"] == {"in_force": True, "mode": "live", "said": None}
    assert group == {"shards": 1, "held": {}, "others": []}
    unknown = one_shard.command("campaigns", "pause", "welcom")
    assert unknown.returncode == 2
    assert "the rules in force have no campaign 'welcom'" in unknown.stderr
    assert "did you mean `welcome`?" in unknown.stderr

    assert say(one_shard, "resume", "--all").startswith(
        "welcome: live (before: paused)\nsilent: live already\n"
    )
    assert say(one_shard, "dry", "silent").startswith("silent: dry (before: live)\n")
    hears(worker, "'silent': 'dry'")
    await visit(
        one_shard, ["ada", "bob"], "second"
    )  # what waited is looked at when the customer does something
    await until(lambda: is_asked(one_shard, "welcome", "ada"), SEEN_WITHIN_S)
    assert await asked(one_shard, "welcome") == {"ada", "bob"}
    dry = 'streamproc_campaigns_dry_total{campaign="silent",kind="requested"}'
    worker.wait_for(lambda: worker.metrics().get(dry, 0) >= 2, SEEN_WITHIN_S)
    assert await asked(one_shard, "silent") == {"ada"}


async def test_release(one_shard: Installation) -> None:
    """Six hundred customers fall silent at once: nobody is asked before somebody says that it is all right."""
    worker = one_shard.worker().wait_ready()
    assert say(one_shard, "release") == "the breaker holds nothing\n"
    await visit(one_shard, (f"c-{number}" for number in range(MANY)))
    held = 'streamproc_campaigns_held{partition="0"}'
    worker.wait_for(lambda: worker.metrics().get(held) == 1)
    assert "streamproc campaigns release" in worker.text
    _, group = listed(one_shard)
    assert list(group["held"]) == ["0"]
    assert "held by the breaker in 1 of 1 shard, since" in say(one_shard, "list", "--live")
    assert await asked(one_shard, "silent") == set()

    assert say(one_shard, "release").startswith("released: 1 shard (0), held since ")
    hears(worker, "released_ms=1")
    await visit(one_shard, ["ada"])
    await until(lambda: is_asked(one_shard, "silent", "ada"), SEEN_WITHIN_S)
    assert worker.metrics()[held] == 0
    assert listed(one_shard)[1]["held"] == {}
    assert say(one_shard, "release") == "the breaker holds nothing\n"
