"""Entries into campaigns as lines: what topics say of them, one thing after the other."""

from collections.abc import Iterator
from typing import Any, Final

from streamproc.cli.facts import because, counted
from streamproc.cli.journey_words import AT_THE_DOOR, GOALS, refusal_words, step_words, trigger_words
from streamproc.cli.times import Told

_ENDS: Final = {
    "converted": "converted",
    "not_converted": "ended as not converted",
    "superseded": "ended, for it was entered again",
    "done": "done",
}


def entry_lines(entry: dict[str, Any], told: Told) -> Iterator[str]:
    """What happened, as `read_history` has it: why the customer came in, then a line for each thing."""
    facts = because(entry["evidence"])
    if facts and entry["evidence_at"] != entry["entered_at"]:
        facts += f", as of {told(entry['evidence_at'])}"
    yield (
        f"Entry {entry['entry']}, on {told(entry['entered_at'])}: {trigger_words(entry['trigger'])}"
        f"{f' ({facts})' if facts else ''}.{_arm(entry)}"
    )
    for happened in entry["happened"]:
        yield f"  {told(happened['at'])}  {_happened(happened, entry['goal'], told)}"


def _arm(entry: dict[str, Any]) -> str:
    variant = f" Variant {entry['variant']}." if entry["variant"] else ""
    return f"{variant} In the control group." if entry["holdout"] else variant


def _happened(happened: dict[str, Any], goal: str, told: Told) -> str:
    what, channel = happened["what"], happened.get("channel")
    match what:
        case "requested":
            validity = f"valid until {told(happened['expires_at'])}, action {happened['action_id']}"
            return f"{_step(happened)} was requested by {channel}; {validity}"
        case "suppressed":
            return _suppressed(happened)
        case "ended":
            return _ended(happened, goal, told)
        case "unsubscribed":
            return f"the customer unsubscribed from {channel}"
        case "bounced":
            return f"the message by {channel} bounced"
    return f"the message by {channel} was {what}"


def _step(happened: dict[str, Any]) -> str:
    return f"step {happened['step']} of {happened['steps']} ({step_words(happened)})"


def _suppressed(happened: dict[str, Any]) -> str:
    why = refusal_words(happened)
    if happened["abort_type"] == "holdout":
        return f"{_step(happened)} would have been requested by {happened['channel']}, but {why}"
    if happened["abort_type"] in AT_THE_DOOR:
        return f"led into it again, and refused: {why}"
    closes = "; nothing more comes of this entry" if happened["closes"] else ""
    return f"{_step(happened)} was not requested: {why}{closes}"


def _ended(happened: dict[str, Any], goal: str, told: Told) -> str:
    ending, after = _ENDS[happened["outcome"]], counted(happened["requests"], "request")
    if at := happened.get("converted_at"):
        # Found at the next evaluation, which is most often at once.
        ending += f" with {GOALS[goal]}"
        ending += "" if told(at) == told(happened["at"]) else f" on {told(at)}"
    return f"{ending}, after {after}"
