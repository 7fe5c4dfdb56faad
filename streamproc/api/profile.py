"""One customer as people look at it: features, segments with evidence, churn risk with reasons, what is due next."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from streamproc.api.instants import iso_or_none
from streamproc.api.journeys import describe_campaigns
from streamproc.api.messages import describe_contacts, describe_reactions, describe_time_zone
from streamproc.api.outlook import describe_outlook
from streamproc.api.story import (
    describe_channels,
    describe_funnels,
    describe_preferences,
    describe_tallies,
    describe_timeline,
)
from streamproc.churn.reasons import reasons
from streamproc.churn.score import score
from streamproc.contracts.instants import to_iso
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.contracts.signal_types import BANDS
from streamproc.contracts.versions import version_of
from streamproc.errors import StreamprocError
from streamproc.features.frame import Frame
from streamproc.features.registry import Feature
from streamproc.features.totals import NO_VALUE
from streamproc.in_force import segment_names
from streamproc.quota import Controls, Quota
from streamproc.rules.campaign import WATCH_PREFIX
from streamproc.rules.evaluate import TRUE, Evaluation
from streamproc.rules.expression import Expr
from streamproc.rules.literals import MICROS
from streamproc.state.layout import unpack
from streamproc.state.store import Head, Store
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.evaluate import churn_columns, churn_known
from streamproc.transport.partitioner import partition_of
from streamproc.windows.panes import NEVER
from streamproc.windows.table import CustomerTable
from streamproc.windows.words import CONSENT, suppressed


class CustomerUnknown(StreamprocError):
    """No event of this customer has been applied."""


@dataclass(frozen=True, slots=True)
class StoredCustomer:
    """A customer's state, the shard it lives in, and what operators say of campaigns."""

    table: CustomerTable  # of one
    head: Head
    controls: Controls = field(default_factory=Controls)


async def find_customer(store: Store, customer: str) -> StoredCustomer:
    """Read a customer's state. Raises CustomerUnknown, or StreamprocError if there is no state at all."""
    first = await store.read_head(0)
    if first is None:
        raise StreamprocError(
            "there is no state under this prefix and group",
            fix="check STREAMPROC_REDIS, STREAMPROC_TOPIC_PREFIX and STREAMPROC_GROUP, or start a worker",
        )
    key = customer.encode(errors="surrogateescape")  # bytes of a terminal that are no UTF-8 are no id either
    partition = partition_of(key, first.partitions)
    head = await store.read_head(partition)
    blob = await store.get(partition, key)
    if head is None or blob is None:
        raise CustomerUnknown(
            f"customer {customer!r} is not known",
            fix="ids are exact; visitors without a userId are 'anon:<anonymousId>'",
        )
    return StoredCustomer(unpack([customer], [blob]), head, Controls.of(await store.controls()))


def describe_customer(
    stored: StoredCustomer,
    definitions: Definitions,
    as_of_ms: int,
    history: Sequence[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The profile as JSON values: durations in ms, money in the rules' currency, instants as ISO 8601.

    `history`: what topics say of the customer's campaigns, as `read_history` gives it; None: nobody has asked them.
    """
    definitions = replace(definitions, retired=segment_names(stored.head))
    table, head = stored.table, stored.table.head[0]
    campaigns = definitions.ruleset.campaigns
    quota = Quota(campaigns, stored.head.partition, stored.head.partitions, stored.head.extra, breaks=False)
    quota.controls = stored.controls
    rulings = quota.foresight(campaigns)
    outlook = describe_outlook(table, stored.head, definitions, as_of_ms, rulings)
    frame, features = Frame(table, np.array([as_of_ms])), definitions.ruleset.features
    return {
        "customer_id": table.ids[0],
        "as_of": to_iso(as_of_ms),
        "partition": stored.head.partition,
        "currency": definitions.ruleset.currency,
        "first_seen": to_iso(int(head["first_seen_ms"])),
        "last_activity": iso_or_none(int(head["last_activity_ms"])),
        "channels": describe_channels(table),
        "timeline": describe_timeline(table, definitions),
        "tallies": describe_tallies(table),
        "funnels": describe_funnels(table, definitions.ruleset),
        "preferences": describe_preferences(table),
        "features": {name: _shown(frame, feature) for name, feature in features.items()},
        "incomplete": [name for name, feature in features.items() if not frame.exact(feature)[0]],
        "segments": _segments(table, frame, definitions),
        "churn": _churn(table, definitions, as_of_ms),
        "consent": {
            CONSENT_CHANNELS[word["key"]]: bool(word["value"])
            for word in table.words
            if word["about"] == CONSENT
        },
        "suppressed": bool(suppressed(table.words, 1)[0]),
        "time_zone": describe_time_zone(table, definitions.ruleset.contact),
        "contacts": describe_contacts(table),
        "reactions": describe_reactions(table),
        "requests_held_since": None if quota.held_ms is None else to_iso(quota.held_ms),
        "campaigns": describe_campaigns(table, definitions, quota, outlook["if_silent"], as_of_ms, history),
        "timers": {"next_check_at": iso_or_none(int(head["next_check_ms"]))},
        "outlook": outlook,
        "version": version_of(stored.head.rewinds, int(head["version"])),
    }


def _segments(table: CustomerTable, frame: Frame, definitions: Definitions) -> list[dict[str, Any]]:
    evaluation = Evaluation(frame, definitions.plan.program)
    entered = {int(row["segment"]): row for row in table.members if row["entered_ms"] != NEVER}
    shown = []
    for segment in definitions.ruleset.segments:
        if segment.id in entered:
            row = entered.pop(segment.id)
            stays = segment.exit if segment.exit is not None else segment.enter
            fits = evaluation.truth_at(segment.enter, 0) == TRUE
            shown.append(
                {
                    "key": segment.key,
                    "name": segment.name,
                    "entered_at": to_iso(int(row["entered_ms"])),
                    "entry_seq": int(row["entry_seq"]),
                    "version": segment.version,
                    "evidence": _evidence(evaluation, stays),
                    "entry_evidence": _evidence(evaluation, segment.enter) if fits else [],
                }
            )
    watches = {watch.id for watch in definitions.ruleset.watches}
    for identity, row in entered.items():
        key, version = definitions.retired.get(identity, (f"{identity:08x}", 0))
        if identity in watches or key.startswith(WATCH_PREFIX):
            continue
        shown.append(
            {"key": key, "entered_at": to_iso(int(row["entered_ms"])), "entry_seq": int(row["entry_seq"]),
             "version": version, "evidence": [], "entry_evidence": []}
        )  # fmt: skip
    return shown


def _evidence(evaluation: Evaluation, rule: Expr) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(item) for item in evaluation.evidence(rule, 0)]


def _churn(table: CustomerTable, definitions: Definitions, as_of_ms: int) -> dict[str, Any]:
    band = int(table.head["band"][0])
    now_ms = np.array([as_of_ms])
    known = bool(churn_known(table, now_ms, definitions)[0])
    columns = churn_columns(table.head)
    result = score(definitions.model, columns, now_ms)
    return {
        "risk": round(float(result.risk[0]), 6) if known else None,
        "band": BANDS[band] if band != NEVER else None,
        "horizon_days": definitions.model.horizon_days,
        "model_version": definitions.model.version,
        "reasons": [
            msgspec.to_builtins(reason) for reason in reasons(definitions.model, columns, result, 0, as_of_ms)
        ]
        if known
        else [],
    }


def _shown(frame: Frame, feature: Feature) -> int | float | str | None:
    """The value of a feature in its unit; None: it has none yet."""
    if feature.unit == "text":
        return frame.text(feature, 0)
    value = int(frame.value(feature)[0])
    if value == NO_VALUE:
        return None
    return value / MICROS if feature.unit == "money" else value
