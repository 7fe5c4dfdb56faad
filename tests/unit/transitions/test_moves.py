"""Who entered and left what, and why."""

import json
from typing import cast

import numpy as np

from streamproc.contracts.hashes import text_hash
from streamproc.contracts.signal_forms import AudienceChange
from streamproc.features.frame import Frame
from streamproc.rules.evaluate import Evaluation
from streamproc.rules.model import Segment
from streamproc.rules.parse import parse_expression
from streamproc.rules.program import compile_rules
from streamproc.transitions.memberships import Memberships
from streamproc.transitions.moves import Moves, by_row, entries, exits, retirements
from streamproc.windows.panes import NEVER
from streamproc.windows.table import MEMBER_DTYPE
from tests.unit.rules.customers import Customer, StepFrame, Total


def segment(key: str, enter: str, exit_: str | None = None, group: str | None = None) -> Segment:
    rules = [None if text is None else parse_expression(text, currency="USD").expr for text in (enter, exit_)]
    assert rules[0] is not None
    return Segment(key, key, "", 7, rules[0], rules[1], 0, group, 0, text_hash(key))


def memberships(inside: list[list[int]], entered_ms: int, entry_seq: int) -> Memberships:
    here = np.array(inside, np.bool_)
    return Memberships(
        here,
        np.where(here, entered_ms, NEVER),
        np.full(here.shape, entry_seq, np.int64),
        np.empty(0, MEMBER_DTYPE),
    )


def said(moves: Moves) -> list[tuple[int, str, int, int, list[str], str | None]]:
    """Row, key, number and instant of the entry, comparisons, who took the place."""
    return [
        (
            row,
            change.key,
            seq,
            at_ms,
            [f"{e['feature']} {e['op']} {e['threshold']}" for e in json.loads(evidence)],
            by,
        )
        for row, change, seq, at_ms, evidence, by in zip(
            moves.rows.tolist(),
            moves.changes,
            moves.entry_seq.tolist(),
            moves.entered_ms.tolist(),
            moves.evidence,
            moves.displaced_by,
            strict=True,
        )
    ]


def test_moves_in_file_order_with_their_reasons() -> None:
    """An exit is explained by the own rule where that says so, else by the member that took the place."""
    segments = [
        segment("few", "events_total < 5", group="size"),
        segment("many", "events_total >= 5", group="size"),
        segment("cart", "cart_items >= 1", "cart_items == 0"),
        segment("anyone", "events_total >= 0", "events_total < 0", group="size"),
    ]
    rules = [rule for one in segments for rule in (one.enter, one.exit) if rule is not None]
    customers: list[Customer] = [
        {"events_total": Total(9), "cart_items": Total(0)},
        {"events_total": Total(9), "cart_items": Total(2)},
        {"events_total": Total(9), "cart_items": Total(0)},
    ]
    evaluation = Evaluation(cast(Frame, StepFrame(customers, 50)), compile_rules(rules))
    before = memberships([[1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]], 10, 3)
    after = memberships([[0, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]], 50, 4)

    entered = list(entries(before, after, segments, evaluation))
    assert [change.entered for moves in entered for change in moves.changes] == [True, True, True]
    assert said(by_row(entered)) == [
        (0, "many", 4, 50, ["events_total >= 5"], None),
        (1, "many", 4, 50, ["events_total >= 5"], None),
        (1, "cart", 4, 50, ["cart_items >= 1"], None),
    ]
    left = by_row(list(exits(before, after, segments, evaluation, entered)))
    assert not any(change.entered for change in left.changes)
    assert said(left) == [
        (0, "few", 3, 10, ["events_total < 5"], None),
        (0, "cart", 3, 10, ["cart_items == 0"], None),
        (1, "anyone", 3, 10, ["events_total >= 5"], "many"),
    ]


def test_retired_segments_are_left_once_and_named_as_they_were() -> None:
    """Nothing is said of those that were left before."""
    retired = np.array([(4, 77, 10, 2), (4, 78, 11, 3), (5, 77, NEVER, 1)], MEMBER_DTYPE)
    moves = retirements(retired, {77: ("old", 6)})
    assert moves.changes == [AudienceChange("old", 6, False), AudienceChange("0000004e", 0, False)]
    assert said(moves) == [(4, "old", 2, 10, [], None), (4, "0000004e", 3, 11, [], None)]
