"""Rules of a running worker: refused when broken, kept when an edit is, applied to everybody when it is good."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping

import pytest

from tests.integration.test_worker_live import logs_of, with_rules
from tests.integration.worker import Installation, WorkerProcess, event, until, wall_ms

pytestmark = pytest.mark.usefixtures("require_apache_kafka")

FIRST_RULES = """
currency: USD
segments:
  - {key: known, name: Known, version: 1, enter: events_total >= 1}
  - {key: talker, name: Talker, version: 1, enter: events_total >= 3}
"""

BROKEN_RULES = """
currency: USD
segments:
  - key: known
    name: Known
    version: 1
    enter: evnts_total >= 1
"""

#: `known` is removed, `talker` begins sooner, `listener` is new.
SECOND_RULES = """
currency: USD
segments:
  - {key: talker, name: Talker, version: 2, enter: events_total >= 2}
  - {key: listener, name: Listener, version: 1, enter: events_total < 2}
"""

CAMPAIGN = """
campaigns:
  - {key: ask, name: Ask, version: 1, on: enter talker, channel: email, reason: r, expires_after: 1d, reentry: never}
"""

RULES_WITH_A_CUTOFF = """
currency: USD
cutoffs:
  busy: {feature: events_total, quantile: 50%, fixed: 4}
segments:
  - {key: busy, name: Busy, version: 1, enter: events_total >= busy, exit: events_total < busy.low}
"""


def reloads(worker: WorkerProcess, outcome: str) -> float:
    return worker.metrics().get(f'streamproc_rules_reloads_total{{outcome="{outcome}"}}', 0)


async def send(installation: Installation, worker: WorkerProcess, customers: Mapping[str, int]) -> int:
    """So many events of each customer, and return once they are applied; how many there are."""
    sent = [
        ("events.web", customer, event(customer, wall_ms(), n))
        for customer, count in customers.items()
        for n in range(count)
    ]
    await installation.publish(logs_of(installation, sent))
    await installation.wait_applied(len(sent), worker)
    return len(sent)


async def test_a_worker_does_not_start_with_broken_rules(installation: Installation) -> None:
    """It names the place of the mistake and the nearest right name, and exits with 2."""
    with_rules(installation, BROKEN_RULES)
    worker = installation.worker()
    assert worker.wait() == 2, worker.text
    assert f"{installation.rules}:7:12" in worker.text.replace("\n", "")
    assert "evnts_total" in worker.text
    assert "events_total" in worker.text
    assert "Traceback" not in worker.text


async def test_edited_rules(installation: Installation) -> None:
    """A broken edit changes nothing; a good one re-evaluates everybody, the silent too; removed segments are left."""
    with_rules(installation, FIRST_RULES)
    worker = installation.worker().wait_ready()
    customers = {f"silent-{n}": 1 + n % 3 for n in range(9)}  # customer -> events
    sent = await send(installation, worker, customers)

    installation.rules.write_text(BROKEN_RULES)
    await until(lambda: reloads(worker, "refused") == 1, within_s=20)
    await installation.publish(logs_of(installation, [("events.app", "late", event("late", wall_ms(), 1))]))
    customers["late"] = 1
    await installation.wait_applied(sent + 1, worker)

    installation.rules.write_text(SECOND_RULES)
    await until(lambda: reloads(worker, "loaded") == 1, within_s=20)
    await until(lambda: everybody_moved(installation, len(customers)), within_s=30)
    signals = (await installation.published()).said()
    for customer, count in customers.items():
        before = [("entered", "known")] + [("entered", "talker")] * (count >= 3)
        after = [("exited", "known")]
        after += [("entered", "listener")] if count < 2 else [("entered", "talker")] * (count == 2)
        moves = [signal for signal in signals if signal["customer"] == customer]
        assert [(move["kind"], move["key"]) for move in moves] == before + after
        assert {move["cause"] for move in moves[: len(before)]} == {"event"}
        assert {move["cause"] for move in moves[len(before) :]} == {"definition"}


async def everybody_moved(installation: Installation, customers: int) -> bool:
    signals = (await installation.published()).said()
    return len({signal["customer"] for signal in signals if signal["kind"] == "exited"}) == customers


async def test_probes_and_metrics(installation: Installation) -> None:
    """`/livez`, `/readyz` and `/metrics` answer while it runs."""
    with_rules(installation, FIRST_RULES)
    worker = installation.worker().wait_ready()
    assert worker.get("/livez")[0] == 200
    assert worker.get("/readyz")[0] == 200
    metrics = worker.metrics()
    assert metrics["streamproc_assigned_shards"] == installation.partitions
    assert any(sample.startswith("streamproc_rules_info{") for sample in metrics)


async def test_rules_are_previewed_and_applied(installation: Installation) -> None:
    """What a preview counts is what happens then; versions are raised, and the rules before are kept."""
    with_rules(installation, FIRST_RULES)
    worker = installation.worker().wait_ready()
    customers = {f"c-{n}": 1 + n % 3 for n in range(9)}  # customer -> events
    await send(installation, worker, customers)

    tried = installation.directory / "tried.yaml"
    tried.write_text(SECOND_RULES.replace("version: 2", "version: 1"))
    seen = await asyncio.to_thread(installation.command, "segments", "preview", str(tried), "--json")
    assert seen.returncode == 0, seen.stderr
    found = {segment["key"]: segment for segment in json.loads(seen.stdout)["segments"]}
    assert {key: (each["inside"], each["entering"], each["leaving"]) for key, each in found.items()} == {
        "talker": (3, 3, 0), "listener": (0, 3, 0), "known": (9, 0, 9),
    }  # fmt: skip

    applied = await asyncio.to_thread(installation.command, "segments", "apply", str(tried), "--yes")
    assert applied.returncode == 0, applied.stderr
    assert "raised: segment talker: version 2" in applied.stdout
    assert f"in force: everybody in {installation.partitions} shards is evaluated" in applied.stdout
    assert installation.rules.read_text() == SECOND_RULES
    assert installation.rules.with_name(f"{installation.rules.name}.before").read_text() == FIRST_RULES
    await until(lambda: everybody_moved(installation, len(customers)), within_s=30)
    moves = [signal for signal in (await installation.published()).said() if signal["cause"] == "definition"]
    assert Counter((move["kind"], move["key"]) for move in moves) == {
        ("entered", "talker"): 3, ("entered", "listener"): 3, ("exited", "known"): 9,
    }  # fmt: skip

    again = await asyncio.to_thread(installation.command, "segments", "apply", str(tried), "--yes")
    assert "these rules are in force already" in again.stdout

    tried.write_text(SECOND_RULES + CAMPAIGN)
    applied = await asyncio.to_thread(installation.command, "segments", "apply", str(tried), "--yes")
    assert "campaign ask comes" in applied.stdout
    assert "in force" in applied.stdout, applied.stderr
    listed = await asyncio.to_thread(installation.command, "campaigns", "pause", "ask")
    assert listed.returncode == 0, listed.stderr


async def test_cutoffs_of_the_running_group_are_taken_up(installation: Installation) -> None:
    """Set by a sample of its states, loaded with no version raised, for everybody; a second sample moves nobody."""
    with_rules(installation, RULES_WITH_A_CUTOFF)
    path = installation.directory / "cutoffs.json"
    worker = installation.worker(cutoffs=path).wait_ready()
    customers = {f"c-{n}": 1 + n % 4 for n in range(240)}  # customer -> events
    await send(installation, worker, customers)

    async def moves(cause: str) -> Counter[tuple[str, str]]:
        signals = (await installation.published()).said()
        return Counter((each["kind"], each["key"]) for each in signals if each["cause"] == cause)

    arguments = ("cutoffs", "--live", "-o", str(path))
    for run in (1, 2):
        made = await asyncio.to_thread(installation.command, *arguments, cutoffs=path)
        assert made.returncode == 0, made.stderr
        assert f"{120 if run == 1 else 0} of 240 customers change segments" in made.stdout
        await until(lambda run=run: reloads(worker, "loaded") == run, within_s=20)  # type: ignore[misc]
        assert json.loads(path.read_text())["cutoffs"]["busy"]["value"] == "2"

        async def all_moved() -> bool:
            return (await moves("definition"))["entered", "busy"] == 120

        await until(all_moved, within_s=30)
    assert await moves("event") == {("entered", "busy"): 60}
    assert await moves("definition") == {("entered", "busy"): 120}
