"""`fit --live` and `discover --live`: on the states that a real worker has written to a real Redis."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from streamproc.churn.model import load_model
from tests.integration.worker import Installation
from tests.reference.compose import EPOCH, call, to_logs

DAY_MS = 86_400_000
FIRST_DAY = 20_500
DAYS = 75
END_MS = (FIRST_DAY + DAYS) * DAY_MS
CUSTOMERS = 800
RULES = "segments:\n  - {key: seen, name: Seen, version: 1, enter: events_total >= 1}\n"

#: Customer -> the days on which they were active.
Lives = dict[str, list[int]]


def lives() -> Lives:
    """Everybody has a rhythm of their own; a quarter leave on the way."""
    rng = random.Random(11)
    found: Lives = {}
    for number in range(CUSTOMERS):
        day, gap_days = rng.randrange(8), rng.randrange(2, 9)
        end = rng.randrange(day + 1, DAYS) if rng.random() < 0.25 else DAYS
        days = []
        while day < end:
            days.append(FIRST_DAY + day)
            day += rng.randrange(1, 2 * gap_days)
        found[f"c-{number}"] = days
    return found


def searches(customer: str) -> bool:
    """One in five, who spend ten times what others do."""
    return int(customer[2:]) % 5 == 0


def sent(known: Lives) -> Iterator[tuple[str, dict[str, Any]]]:
    """Pages on active days, an order on the last of them, and searches where there are any; in the order of time."""
    for day, customer in sorted((day, customer) for customer, days in known.items() for day in days):
        at_ms, id_ = day * DAY_MS + int(customer[2:]) * 60_000, f"{customer}-{day}"
        if searches(customer):
            yield "events.web", call("track", customer, at_ms, f"{id_}-s", event="Products Searched")
        yield "events.web", call("page", customer, at_ms + 1, id_, name="Home")
        if day == known[customer][-1]:
            properties = {"revenue": 500 if searches(customer) else 50, "currency": "USD"}
            yield (
                "events.web",
                call(
                    "track", customer, at_ms + 2, f"{id_}-o", event="Order Completed", properties=properties
                ),
            )


def ran(installation: Installation, *arguments: str) -> dict[str, Any]:
    """What a command prints as JSON."""
    ended = installation.command(*arguments, "--json")
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout))


async def test_the_states_of_a_worker_are_a_history(installation: Installation) -> None:
    """Past dates and what became of customers are those of the events; a group that spends more is found."""
    installation.rules = installation.directory / "rules.yaml"
    installation.rules.write_text(RULES)
    known = lives()
    await installation.publish(to_logs(sent(known), installation.partitions))
    installation.run_until(END_MS)

    horizon = 14
    model = installation.directory / "model.json"
    fitted = ran(installation, "fit", "--live", "--horizon-days", str(horizon), "-o", str(model))
    assert fitted["customers"] == CUSTOMERS
    assert fitted["version"] == load_model(model).version
    assert fitted["by_date"]
    for date in fitted["by_date"]:
        day = (datetime.fromisoformat(date["as_of"]).replace(tzinfo=UTC) - EPOCH).days
        seen = [days for days in known.values() if days[0] < day]
        lost = sum(not any(day <= one < day + horizon for one in days) for days in seen)
        assert (date["states"], round(date["churned"] * date["states"])) == (len(seen), lost)

    out = installation.directory / "found.yaml"
    options = ("--live", "--target", "money", "--customers-min", "400", "--out", str(out))
    found = ran(installation, "discover", *options)
    recent = [customer for customer, days in known.items() if days[-1] >= FIRST_DAY + DAYS - 30]
    assert found["customers"] == len(recent)
    assert found["train"]["customers"] + found["holdout"]["customers"] == len(recent)
    best, *_ = found["suggestions"]
    assert best["rule"].startswith("searches_")
    spent = {customer: 500 if searches(customer) else 50 for customer in recent}
    lift = 500 / (sum(spent.values()) / len(recent))
    assert abs(best["holdout"]["lift"] - lift) < 0.5
    linted = installation.command("segments", "lint", str(out))
    assert linted.returncode == 0, linted.stdout
