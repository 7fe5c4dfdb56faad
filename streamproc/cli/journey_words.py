"""Journeys in words: what led into them, their steps, why something was not asked for."""

import re
from collections.abc import Mapping
from typing import Any, Final

#: What they do who convert, by goal.
GOALS: Final = {"activity": "activity", "order": "an order"}
#: Refused before any step.
AT_THE_DOOR: Final = ("in_journey", "never_again", "cooldown")
#: How a trigger is written in the rules file, and what has happened then.
_TRIGGERS: Final = tuple(
    (re.compile(form), words)
    for form, words in (
        (r"enter (\S+)", r"\1 was entered"),
        (r"exit (\S+)", r"\1 was left"),
        (r"band (\S+)", r"the risk rose to \1"),
        (r"band (\S+) both", r"the risk rose to \1, or fell below it"),
        (r"inactive (\S+)", r"there was no activity for \1"),
        (r"cart abandoned (\S+)", r"the cart was left alone for \1"),
        (r"funnel (\S+) abandoned (\S+)", r"the funnel \1 was left alone for \2"),
        (r"answer (\S+)", r"there was an answer to \1"),
        (r"ticket open", r"a ticket was opened"),
        (r"ticket overdue (\S+)", r"a ticket had been open for \1"),
        (r"becomes (.+)", r"`\1` came true"),
    )
)
_REFUSALS: Final = {
    "no_consent": "no consent to any of its channels",
    "frequency_cap": "a frequency cap is reached",
    "suppressed": "the customer is on the suppression list",
    "open_complaint": "it has an offer, and a complaint is open",
    "outranked": "another campaign goes before",
    "budget": "the budget of the day is used up",
    "goal_reached": "the customer did by themselves what it is for",
    "no_longer": "what led into the campaign no longer holds",
    "expired": "its time was over",
    "in_journey": "a journey was under way",
    "never_again": "it had asked before (reentry: never)",
    "cooldown": "the last request was too short a time ago",
    "definition": "rules were edited, and nothing had happened",
    "holdout": "the customer is in the control group",
}
_WAITED_FOR: Final = {
    "paused": "the campaign was paused",
    "held": "the breaker held all requests",
    "slot": "it waited for its hour",
    "quiet_hours": "it waited for the end of quiet hours",
}


def trigger_words(trigger: str) -> str:
    """Of a trigger as the rules file has it, what has happened: `lapsed was entered`."""
    for form, words in _TRIGGERS:
        if match := form.fullmatch(trigger):
            return match.expand(words)
    return f"`{trigger}`"


def step_words(step: Mapping[str, Any]) -> str:
    """Reason and offer of a step."""
    return f"{step['reason']}; offer {step['offer']}" if step.get("offer") else str(step["reason"])


def refusal_words(decision: Mapping[str, Any]) -> str:
    """Why a step or an entry was refused: `abort_type`, and where they are given, `waited_for` and `outranked_by`."""
    why = _REFUSALS.get(decision["abort_type"], str(decision["abort_type"]))
    if waited := decision.get("waited_for"):
        why += f" while {_WAITED_FOR[waited]}"
    return f"{why}: {rival}" if (rival := decision.get("outranked_by")) else why
