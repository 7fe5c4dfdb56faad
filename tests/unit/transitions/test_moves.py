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
from streamproc.transitions.memberships import plan_segments, read_memberships
from streamproc.transitions.moves import Moves, explain_moves, retirements
from streamproc.windows.panes import NEVER
from streamproc.windows.table import MEMBER_DTYPE, new_customers
from tests.unit.rules.customers import Customer, StepFrame, Total


def segment(key: str, enter: str, exit_: str | None = None, group: str | None = None) -> Segment:
    rules = [None if text is None else parse_expression(text, currency="USD").expr for text in (enter, exit_)]
    assert rules[0] is not None
    return Segment(key, key, "", 7, rules[0], rules[1], 0, group, 0, text_hash(key))


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
    customers: list[Customer] = [
        {"events_total": Total(9), "cart_items": Total(0)},
        {"events_total": Total(9), "cart_items": Total(2)},
        {"events_total": Total(9), "cart_items": Total(0)},
    ]
    plan = plan_segments(segments)
    table = new_customers(["a", "b", "c"])
    places = [[1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]]
    table.members = np.array(
        [
            (row, text_hash(segments[place].key), 10, 3)
            for row, place in np.argwhere(np.array(places).T).tolist()
        ],
        MEMBER_DTYPE,
    )
    inside = np.array([[0, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]], np.bool_)
    _, moved = read_memberships(table, plan).moved(plan, inside, np.full(3, 50))
    evaluation = Evaluation(cast(Frame, StepFrame(customers, 50)), plan.program)
    moves = explain_moves(moved, plan, evaluation)
    assert [change.entered for change in moves.changes] == moves.entered.tolist()
    assert said(moves) == [
        (0, "few", 3, 10, ["events_total < 5"], None),
        (0, "cart", 3, 10, ["cart_items == 0"], None),
        (0, "many", 1, 50, ["events_total >= 5"], None),
        (1, "anyone", 3, 10, ["events_total >= 5"], "many"),
        (1, "many", 1, 50, ["events_total >= 5"], None),
        (1, "cart", 1, 50, ["cart_items >= 1"], None),
    ]
    assert moves.into(1).tolist() == [2, 4]


def test_retired_segments_are_left_once_and_named_as_they_were() -> None:
    """Nothing is said of those that were left before."""
    retired = np.array([(4, 77, 10, 2), (4, 78, 11, 3), (5, 77, NEVER, 1)], MEMBER_DTYPE)
    moves = retirements(retired, {77: ("old", 6)})
    assert moves.changes == [AudienceChange("old", 6, False), AudienceChange("0000004e", 0, False)]
    assert said(moves) == [(4, "old", 2, 10, [], None), (4, "0000004e", 3, 11, [], None)]
