"""What comes next for a customer who stays silent: rules that can flip, and what would be published when."""

from typing import Any, Final

import numpy as np
import orjson

from streamproc.actions.rulings import Rulings
from streamproc.api.instants import iso_or_none
from streamproc.contracts.instants import to_iso
from streamproc.features.frame import Frame
from streamproc.rules.evaluate import TRUE, Evaluation
from streamproc.rules.expression import Expr, Not
from streamproc.rules.model import Segment
from streamproc.sources import SOURCES
from streamproc.state.store import Head
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.evaluate import TICK_MS, evaluate
from streamproc.transitions.publish import Signal
from streamproc.windows.panes import DAY_MS, INF, NEVER
from streamproc.windows.table import CustomerTable

#: So far ahead is looked, at so many instants at most.
_HORIZON_MS: Final = 365 * DAY_MS
_CHECKS_MAX: Final = 200
_TOLD_MAX: Final = 20
#: Properties of actions, null in other signals.
_OF_ACTIONS: Final = ("entry", "step", "channel", "abort_type", "waited_for", "outranked_by", "outcome")


def describe_outlook(
    table: CustomerTable,
    head: Head,
    definitions: Definitions,
    as_of_ms: int,
    rulings: Rulings | None = None,
) -> dict[str, Any]:
    """What silence will do to the customer of `table`, which is left as it is. `rulings`: of its shard's campaigns.

    `rules`: when the rule that decides about a segment can flip: early perhaps, never late. `if_silent`: what would be
    published, exactly, in the next 365 days, as far as it is told.
    """
    state = table.head[0]
    signals = foretell(table, head, definitions, as_of_ms, rulings)
    return {
        "same_rules": int(state["rules"]) in (0, definitions.fingerprint),
        "rules": _rules(table, definitions, as_of_ms),
        "churn_due_at": iso_or_none(int(state["churn_due_ms"])),
        "check_at": iso_or_none(int(state["next_check_ms"])),
        "if_silent": [_told(signal) for signal in signals],
    }


def foretell(
    table: CustomerTable,
    head: Head,
    definitions: Definitions,
    as_of_ms: int,
    rulings: Rulings | None = None,
) -> list[Signal]:
    """The signals of a silent customer, from the state on: what is due and not yet published is told, too."""
    silent = table.take(np.zeros(1, np.int64))
    if int(silent.head["rules"][0]) not in (0, definitions.fingerprint):
        silent.head["next_check_ms"] = min(int(silent.head["next_check_ms"][0]), as_of_ms)
    origin = Origin(SOURCES, head.partition, head.rewinds, rulings or Rulings())
    signals: list[Signal] = []
    for _ in range(_CHECKS_MAX):
        check_ms = silent.head["next_check_ms"].copy()
        if check_ms[0] > as_of_ms + _HORIZON_MS or len(signals) >= _TOLD_MAX:
            break
        signals += evaluate(silent, check_ms, definitions, (origin,))
    return signals[:_TOLD_MAX]


def _rules(table: CustomerTable, definitions: Definitions, as_of_ms: int) -> list[dict[str, Any]]:
    evaluation = Evaluation(Frame(table, np.array([as_of_ms])), definitions.plan.program)
    entered_ms = {int(row["segment"]): int(row["entered_ms"]) for row in table.members}
    ruled = (
        _rule(segment, evaluation, entered_ms.get(segment.id, NEVER))
        for segment in definitions.ruleset.segments
    )
    return [rule for rule in ruled if rule is not None]


def _rule(segment: Segment, evaluation: Evaluation, entered_ms: int) -> dict[str, Any]:
    """`holds`: whether the rule holds now; None: unknown. `can_change_at` None: not in silence."""
    is_inside = entered_ms != NEVER
    stay: Expr = segment.enter if segment.exit is None else Not(segment.exit)
    rule = stay if is_inside else segment.enter
    truth, flips_ms = evaluation.truth_at(rule, 0), int(evaluation.flips_at_ms(rule)[0])
    dwell_end_ms = entered_ms + segment.min_dwell_ms if is_inside and segment.min_dwell_ms else NEVER
    return {
        "segment": segment.key,
        "inside": is_inside,
        "holds": {0: False, 1: None, TRUE: True}[truth],
        "can_change_at": None if flips_ms > INF - TICK_MS else to_iso(-(-flips_ms // TICK_MS) * TICK_MS),
        "stays_at_least_until": iso_or_none(dwell_end_ms),
    }


def _told(signal: Signal) -> dict[str, Any]:
    """A signal in few words; `why`: its evidence."""
    said = orjson.loads(signal.record.value)
    properties, about = said["properties"], said["context"]["streamproc"]
    return {
        "at": to_iso(signal.at_ms),
        "kind": signal.kind,
        "key": signal.key,
        "cause": about["cause"],
        **{name: properties.get(name) for name in _OF_ACTIONS},
        "evidence": about["evidence"],
    }
