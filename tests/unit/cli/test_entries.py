"""Entries as topics tell them, as lines."""

from typing import Any

import pytest

from streamproc.cli.entries import entry_lines
from streamproc.cli.times import local_teller

TOLD = local_teller("Europe/Berlin")
AT = "2026-03-03T07:00:00.000Z"
STEP = {"step": 1, "steps": 2, "reason": "Quiet", "offer": "ten"}
EVIDENCE = [
    {
        "feature": "recency",
        "value": 2_678_400_000,
        "op": ">",
        "threshold": 2_592_000_000,
        "unit": "ms",
        "holds": True,
    }
]


def entry(*happened: dict[str, Any], **own: Any) -> list[str]:
    """The lines, each but the first without its instant."""
    first, *lines = entry_lines(
        {
            "entry": 1,
            "entered_at": AT,
            "trigger": "enter quiet",
            "evidence": [],
            "evidence_at": AT,
            "goal": "order",
            "variant": None,
            "holdout": False,
            "happened": [{"at": AT, **each} for each in happened],
            **own,
        },
        TOLD,
    )
    instants, texts = {line[:32] for line in lines}, [line[32:] for line in lines]
    assert instants <= {"  2026-03-03 08:00 (07:00 UTC)  "}
    return [first, *texts]


def test_why_it_began() -> None:
    """With the evidence of that moment, or of the first decision."""
    assert entry() == ["Entry 1, on 2026-03-03 08:00 (07:00 UTC): quiet was entered."]
    assert entry(evidence=EVIDENCE)[0].endswith(": quiet was entered (recency 31d > 30d).")
    later = entry(evidence=EVIDENCE, evidence_at="2026-03-03T09:00:00.000Z")[0]
    assert later.endswith(" (recency 31d > 30d, as of 2026-03-03 10:00 (09:00 UTC)).")
    assert entry(variant="long")[0].endswith("was entered. Variant long.")
    assert entry(variant="long", holdout=True)[0].endswith(" Variant long. In the control group.")


@pytest.mark.parametrize(
    ("happened", "line"),
    [
        (
            {"what": "requested", **STEP, "channel": "email", "expires_at": AT, "action_id": "a1"},
            "step 1 of 2 (Quiet; offer ten) was requested by email; valid until 2026-03-03 08:00 (07:00 UTC), action "
            "a1",
        ),
        ({"what": "delivered", "channel": "sms"}, "the message by sms was delivered"),
        ({"what": "opened", "channel": "email"}, "the message by email was opened"),
        ({"what": "clicked", "channel": "email"}, "the message by email was clicked"),
        ({"what": "bounced", "channel": "email"}, "the message by email bounced"),
        ({"what": "unsubscribed", "channel": "push"}, "the customer unsubscribed from push"),
        (
            {"what": "suppressed", **STEP, "abort_type": "no_consent", "closes": False},
            "step 1 of 2 (Quiet; offer ten) was not requested: no consent to any of its channels",
        ),
        (
            {"what": "suppressed", **STEP, "abort_type": "expired", "waited_for": "held", "closes": True},
            "step 1 of 2 (Quiet; offer ten) was not requested: its time was over while the breaker held all requests; "
            "nothing more comes of this entry",
        ),
        (
            {"what": "suppressed", **STEP, "abort_type": "holdout", "channel": "email", "closes": False},
            "step 1 of 2 (Quiet; offer ten) would have been requested by email, but the customer is in the control "
            "group",
        ),
        (
            {"what": "suppressed", **STEP, "abort_type": "cooldown", "closes": True},
            "led into it again, and refused: the last request was too short a time ago",
        ),
        (
            {"what": "ended", "outcome": "converted", "requests": 2, "converted_at": AT},
            "converted with an order, after 2 requests",
        ),
        (
            {
                "what": "ended",
                "outcome": "converted",
                "requests": 1,
                "converted_at": "2026-03-03T06:00:00.000Z",
            },
            "converted with an order on 2026-03-03 07:00 (06:00 UTC), after 1 request",
        ),
        (
            {"what": "ended", "outcome": "not_converted", "requests": 2},
            "ended as not converted, after 2 requests",
        ),
        (
            {"what": "ended", "outcome": "superseded", "requests": 1},
            "ended, for it was entered again, after 1 request",
        ),
        ({"what": "ended", "outcome": "done", "requests": 1}, "done, after 1 request"),
    ],
)
def test_what_happened(happened: dict[str, Any], line: str) -> None:
    assert entry(happened)[1] == line
