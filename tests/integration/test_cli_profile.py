"""`streamproc profile show` of a customer who goes through a campaign to its end, on real servers."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.integration.worker import Installation
from tests.reference.compose import call, to_logs

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
RULES = """
contact:
  quiet_hours: 21:00-08:00
segments:
  - {key: lapsed, name: Lapsed, version: 1, enter: order_recency > 30d and orders_total >= 1}
campaigns:
  - key: win_back
    name: Win back
    version: 1
    on: enter lapsed
    goal: order
    reentry: after 60d
    attribution: 20d
    variants: {short: 1, long: 1}
    expires_after: 2d
    steps:
      - {channel: email, reason: No order for 30 days, offer: 10_percent}
      - {wait: 3d, channel: [sms, email], reason: Still no order}
"""
#: Six in the morning in Berlin.
ORDERED_MS = int(datetime(2026, 2, 1, 5, tzinfo=UTC).timestamp() * 1000)
#: When she lapses, and at eight on that day.
LAPSED_MS = ORDERED_MS + 30 * DAY_MS + 1_000
ASKED_MS = ORDERED_MS + 30 * DAY_MS + 2 * HOUR_MS

Event = tuple[str, dict[str, Any]]


def order(at_ms: int, id_: str) -> Event:
    properties = {"revenue": 40, "currency": "USD"}
    return "events.web", call("track", "ada", at_ms, id_, event="Order Completed", properties=properties)


def outcome(what: str, at_ms: int, action_id: str) -> Event:
    properties = {"channel": "email", "action_id": action_id}
    return "actions.outcomes", call("track", "ada", at_ms, what, event=what, properties=properties)


def story(installation: Installation, *options: str) -> list[str]:
    """The lines about the campaign."""
    ran = installation.command("profile", "show", "ada", *options)
    assert ran.returncode == 0, ran.stderr
    _, _, rest = ran.stdout.partition("\nCampaigns\n")
    clocks, title, *lines = (" ".join(line.split()) for line in rest.partition("\n\n")[0].splitlines())
    assert clocks == "by the clocks of Europe/Berlin, as the customer has said"
    assert title == "● win_back Win back (version 1)"
    return lines


async def test_a_journey_reads_as_one_story(installation: Installation) -> None:
    """Entry, request, delivered, opened, conversion: as far as the state knows it, and with all that Kafka has."""
    installation.rules = installation.directory / "rules.yaml"
    installation.rules.write_text(RULES)

    async def go_on(until_ms: int, *events: Event) -> None:
        await installation.publish(to_logs(events, installation.partitions))
        installation.run_until(until_ms)

    traits = {"consent": {"email": True}, "timezone": "Europe/Berlin"}
    told = ("events.web", call("identify", "ada", ORDERED_MS - 1, "i", traits=traits))
    await go_on(LAPSED_MS + HOUR_MS, told, order(ORDERED_MS, "o1"))
    assert story(installation) == [
        "Entered on 2026-03-03 06:00 (05:00 UTC), because lapsed was entered, which still holds "
        "(order_recency 30d 1h > 30d, orders_total 1 >= 1).",
        "Variant long.",
        "Nothing has been asked for yet.",
        "Step 1 of 2 (No order for 30 days; offer 10_percent; by email) was due on 2026-03-03 06:00 (05:00 UTC) and "
        "waits for the end of quiet hours, until 2026-03-03 08:00 (07:00 UTC).",
        "If nothing happens, step 1 is requested by email on 2026-03-03 08:00 (07:00 UTC).",
        "If nothing happens, step 2 is requested by email on 2026-03-06 08:00 (07:00 UTC).",
        "It cannot be entered again while a step is to come.",
    ]

    await go_on(ASKED_MS + HOUR_MS)
    (campaign,) = json.loads(installation.command("profile", "show", "ada", "--json").stdout)["campaigns"]
    action_id = campaign["journey"]["last_request"]["action_id"]
    await go_on(
        ASKED_MS + 2 * DAY_MS,
        outcome("Action Delivered", ASKED_MS + HOUR_MS + 60_000, action_id),
        outcome("Action Opened", ASKED_MS + 2 * HOUR_MS, action_id),
    )
    to_come = [
        "Step 2 of 2 (Still no order; by sms, else email) is due on 2026-03-06 08:00 (07:00 UTC).",
        "If nothing happens, step 2 is requested by email on 2026-03-06 08:00 (07:00 UTC).",
        "It converts with an order until 2026-03-23 08:00 (07:00 UTC); else it ends then as not converted.",
        "It cannot be entered again while a step is to come.",
    ]
    assert story(installation, "--no-history")[2:] == [
        "Step 1 of 2 (No order for 30 days; offer 10_percent) was requested by email on 2026-03-03 08:00 (07:00 UTC); "
        f"it was valid until 2026-03-05 08:00 (07:00 UTC), action {action_id}.",
        "Since then, the latest message by email, whoever sent it, was delivered on 2026-03-03 09:01 (08:01 UTC) and "
        "opened on 2026-03-03 10:00 (09:00 UTC).",
        *to_come,
    ]
    history = [
        "Entry 1, on 2026-03-03 06:00 (05:00 UTC): lapsed was entered (order_recency 30d 2h > 30d, "
        "orders_total 1 >= 1, as of 2026-03-03 08:00 (07:00 UTC)). Variant long.",
        "2026-03-03 08:00 (07:00 UTC) step 1 of 2 (No order for 30 days; offer 10_percent) was requested by email; "
        f"valid until 2026-03-05 08:00 (07:00 UTC), action {action_id}",
        "2026-03-03 09:01 (08:01 UTC) the message by email was delivered",
        "2026-03-03 10:00 (09:00 UTC) the message by email was opened",
    ]
    assert story(installation) == history + to_come

    await go_on(ASKED_MS + 4 * DAY_MS, order(ASKED_MS + 2 * DAY_MS + HOUR_MS, "o2"))
    again = "It can be entered again from 2026-05-02 09:00 (07:00 UTC) on (reentry: after 60d)."
    assert story(installation, "--no-history") == [
        "Led into it once; the last request was on 2026-03-03 08:00 (07:00 UTC), and that journey is over.",
        "The state does not say what came of it: --history looks for it in Kafka.",
        again,
    ]
    assert story(installation) == [
        *history,
        "2026-03-05 09:00 (08:00 UTC) converted with an order, after 1 request",
        again,
    ]
