"""Entries, exits, sizes and stays, from signals."""

from streamproc.backtest.flows import Flows
from streamproc.transitions.publish import Signal
from streamproc.windows.panes import DAY_MS


def test_a_flow_counts_what_came_and_went() -> None:
    flows = Flows()
    for at_ms, customer, kind in (
        (5, "a", "entered"), (DAY_MS, "b", "entered"), (DAY_MS + 5, "a", "exited"), (3 * DAY_MS, "b", "exited"),
        (3 * DAY_MS + 1, "a", "entered"),
    ):  # fmt: skip
        flows.add(Signal(at_ms, customer, "segments.changes", kind, "s", b""))
    flows.add(Signal(7, "a", "churn.risk", "churn", "high", b""))
    flow = flows.of["s"]
    assert (flow.entries, flow.exits, flow.size, flow.greatest) == (3, 2, 1, 2)
    assert flow.sizes == {0: 1, 1: 1, 3: 1}
    assert flow.stays_ms == [DAY_MS, 2 * DAY_MS]
    assert flow.median_stay_ms == 1.5 * DAY_MS
    assert flow.members == {"a", "b"}
    assert list(flows.of) == ["s"]


def test_without_exits_there_is_no_stay() -> None:
    flows = Flows()
    flows.add(Signal(5, "a", "segments.changes", "entered", "s", b""))
    assert flows.of["s"].median_stay_ms is None
