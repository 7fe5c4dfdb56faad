"""The engine's signals in the words of the reference."""

import json
from datetime import datetime
from typing import Any

from streamproc.contracts.outbox import OutRecord

_KINDS = {
    "Audience Entered": "entered",
    "Audience Exited": "exited",
    "Churn Risk Changed": "churn",
    "Reactivation Requested": "requested",
    "Reactivation Suppressed": "suppressed",
    "Reactivation Ended": "ended",
}


def as_said(record: OutRecord) -> dict[str, Any]:
    """A signal in the words of the reference."""
    value = json.loads(record.value)
    headers = dict(record.headers)
    properties, context = value["properties"], value["context"]["streamproc"]
    kind = _KINDS[value["event"]]
    if kind in ("entered", "exited"):
        key = properties["audience_key"]
    elif kind == "churn":
        key = properties["band"]
    else:
        key = properties["campaign"]
    is_audience = kind in ("entered", "exited")
    return {
        "topic": record.topic,
        "customer": record.key.decode(),
        "at_ms": instant_ms(value["timestamp"]),
        "kind": kind,
        "key": key,
        "previous": properties.get("previous_band"),
        "risk": properties.get("risk"),
        "rule_version": context.get("rule_version", context.get("model_version")),
        "entry_seq": context["entry_seq"] if is_audience else None,
        "entered_at_ms": instant_ms(context["entered_at"]) if is_audience else None,
        "abort_type": properties.get("abort_type"),
        "cause": context["cause"],
        "causation_id": headers["ce_causationid"].decode(),
        "version": context["version"],
        "action": None if is_audience or kind == "churn" else action_as_said(properties, kind),
    }


def action_as_said(properties: dict[str, Any], kind: str) -> dict[str, Any]:
    """What is said of an action."""
    names = (
        "action_id", "entry", "step", "steps", "channel", "variant", "holdout", "reason", "offer", "waited_for",
        "outranked_by", "closes",
    )  # fmt: skip
    said = {name: properties[name] for name in names}
    said["expires_ms"] = instant_ms_or_none(properties["expires_at"])
    if kind == "ended":
        said |= {name: properties[name] for name in ("outcome", "goal", "requests")}
        said["first_requested_ms"] = instant_ms_or_none(properties["first_requested_at"])
        said["converted_ms"] = instant_ms_or_none(properties["converted_at"])
    return said


def instant_ms_or_none(text: str | None) -> int | None:
    return None if text is None else instant_ms(text)


def instant_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
