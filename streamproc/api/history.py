"""What topics still know of one customer's way through campaigns: what was decided, and what became of it.

Of each topic, the customer's partition is read whole. JSON values; instants as ISO 8601.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from streamproc.contracts.events import ANONYMOUS_PREFIX, OUTCOMES
from streamproc.contracts.instants import to_epoch_ms, to_iso
from streamproc.contracts.signal_types import ACTION_TOPIC, ActionSignal
from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import partition_counts, read_partition
from streamproc.transport.partitioner import partition_of
from streamproc.transport.topics import Topics

#: By event, what has happened.
_HAPPENED: Final = {
    "Reactivation Requested": "requested",
    "Reactivation Suppressed": "suppressed",
    "Reactivation Ended": "ended",
    **{outcome: outcome.removeprefix("Action ").lower() for outcome in OUTCOMES},
}
#: What is told of a decision, of what a signal says.
_TOLD: Final = (
    *("action_id", "step", "steps", "channel", "reason", "offer", "expires_at", "abort_type", "waited_for"),
    *("outranked_by", "closes", "outcome", "requests", "converted_at"),
)


class _OutcomeProperties(Struct):
    channel: str
    action_id: str | None = None


class _Outcome(Struct, rename="camel"):
    event: str
    timestamp: datetime
    properties: _OutcomeProperties
    message_id: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None

    @property
    def customer(self) -> str:
        return self.user_id or f"{ANONYMOUS_PREFIX}{self.anonymous_id}"


_as_signal: Final = msgspec.json.Decoder(ActionSignal).decode
_as_outcome: Final = msgspec.json.Decoder(_Outcome).decode


class _Happened(NamedTuple):
    """An outcome of one of our actions."""

    action_id: str
    what: dict[str, Any]


async def read_history(brokers: Brokers, prefix: str, customer: str) -> list[dict[str, Any]]:
    """The customer's entries into campaigns as far as Kafka keeps them: see `entries_of`.

    Raises StreamprocError if a topic is missing, or Kafka does not answer.
    """
    topics, key = Topics(prefix), customer.encode(errors="surrogateescape")
    decided, *reported = prefix + ACTION_TOPIC, topics.outcomes, topics.rekey
    named = b'"%b"' % key.removeprefix(ANONYMOUS_PREFIX.encode())  # where a producer keys by something else
    counts = await partition_counts(brokers, prefix, (decided, *reported))
    values: dict[str, list[bytes]] = {}
    for topic, count in counts.items():
        mine = values.setdefault(topic, [])
        async for records in read_partition(brokers, topic, partition_of(key, count)):
            mine += [
                record.value
                for record in records
                if record.value is not None and (record.key == key or named in record.value)
            ]
    return entries_of(customer, values[decided], [value for topic in reported for value in values[topic]])


def entries_of(customer: str, signals: Iterable[bytes], outcomes: Iterable[bytes]) -> list[dict[str, Any]]:
    """A customer's entries, the oldest first, each with what happened in it, in the order of time.

    signals: values of `actions.reactivation`; outcomes: of `actions.outcomes`. Those of other customers, repeats, and
    what is neither are passed over, as are outcomes of messages that are not in the signals.
    """
    entries: dict[tuple[str, int, str], dict[str, Any]] = {}
    by_action: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    for value in signals:
        signal = _signal_of(customer, value)
        if signal is None or signal.message_id in seen:
            continue
        seen.add(signal.message_id)
        own, why = signal.properties, signal.context.streamproc
        entry = entries.setdefault((own.campaign, own.entry, why.entered_at), _entry(signal))
        entry["happened"].append(_decision(signal))
        by_action.setdefault(own.action_id, entry)
    for value in outcomes:
        found = _outcome_of(customer, value, seen)
        if found is not None and found.action_id in by_action:
            by_action[found.action_id]["happened"].append(found.what)
    for entry in entries.values():
        entry["happened"].sort(key=lambda happened: happened["at"])
    return sorted(entries.values(), key=lambda entry: (entry["entered_at"], entry["campaign"]))


def _signal_of(customer: str, value: bytes) -> ActionSignal | None:
    try:
        signal = _as_signal(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    name = signal.user_id or f"{ANONYMOUS_PREFIX}{signal.anonymous_id}"
    return signal if name == customer else None


def _entry(signal: ActionSignal) -> dict[str, Any]:
    """As its first signal tells it. The evidence of an end is about the goal."""
    own, why = signal.properties, signal.context.streamproc
    evidence = why.evidence if own.outcome is None else []
    return {
        "campaign": own.campaign,
        "campaign_version": own.campaign_version,
        "entry": own.entry,
        "entered_at": why.entered_at,
        "trigger": why.trigger,
        "evidence": [msgspec.to_builtins(item) for item in evidence],
        "evidence_at": signal.timestamp,
        "goal": own.goal,
        "variant": own.variant,
        "holdout": own.holdout,
        "happened": [],
    }


def _decision(signal: ActionSignal) -> dict[str, Any]:
    properties = msgspec.to_builtins(signal.properties)
    told = {name: properties[name] for name in _TOLD if properties[name] is not None}
    return {"at": signal.timestamp, "what": _HAPPENED[signal.event], **told}


def _outcome_of(customer: str, value: bytes, seen: set[str]) -> _Happened | None:
    try:
        outcome = _as_outcome(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if outcome.customer != customer or outcome.event not in OUTCOMES or outcome.timestamp.tzinfo is None:
        return None
    if outcome.message_id is not None:
        if outcome.message_id in seen:
            return None
        seen.add(outcome.message_id)
    if (action_id := outcome.properties.action_id) is None:
        return None
    (at_ms,) = to_epoch_ms([outcome.timestamp])
    what = _HAPPENED[outcome.event]
    return _Happened(
        action_id,
        {"at": to_iso(at_ms), "what": what, "channel": outcome.properties.channel, "action_id": action_id},
    )
