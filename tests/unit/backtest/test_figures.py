"""Entries, exits, sizes, stays, flapping, overlap and campaigns, from signals."""

from typing import Any

import pytest

from streamproc.backtest.figures import Arm, Figures, Flow, Follower
from streamproc.contracts.signals import Action
from streamproc.transitions.publish import Signal
from streamproc.windows.panes import DAY_MS


def signal(at_ms: int, customer: str, kind: str, key: str) -> Signal:
    return Signal(at_ms, customer, "t", kind, key, b"")


def act(at_ms: int, customer: str, kind: str, campaign: str = "c", **decided: Any) -> Signal:
    """What a campaign of two steps says."""
    own = {
        "step": 1, "variant": None, "holdout": False, "closes": False,
        "channel": "email" if kind == "requested" else None, **decided,
    }  # fmt: skip
    action = Action(kind, campaign, 1, "on", "activity", steps=2, reason="r", offer=None, **own)  # type: ignore[arg-type]
    return Signal(at_ms, customer, "t", kind, campaign, b"", action=action)


def followed(*signals: Signal, until_ms: int = 10 * DAY_MS) -> Figures:
    follower = Follower()
    follower.add(list(signals))
    return follower.end(until_ms)


def test_a_flow_counts_what_came_and_went() -> None:
    figures = followed(
        signal(5, "a", "entered", "s"),
        signal(DAY_MS, "b", "entered", "s"),
        signal(DAY_MS + 5, "a", "exited", "s"),
        signal(3 * DAY_MS, "b", "exited", "s"),
        signal(3 * DAY_MS + 1, "a", "entered", "s"),
        signal(7, "a", "churn", "high"),
    )
    flow = figures.segments["s"]
    assert (flow.entries, flow.exits) == ({0: 1, 1: 1, 3: 1}, {1: 1, 3: 1})
    assert (flow.customers, flow.at_most, flow.at_the_end) == (2, 1, 1)
    assert flow.sizes() == {0: 1, 1: 1, 3: 1}
    assert (flow.stays_ms, flow.median_stay_ms) == ([DAY_MS, 2 * DAY_MS], 1.5 * DAY_MS)
    assert flow.inside_ms == DAY_MS + 2 * DAY_MS + 7 * DAY_MS - 1
    assert list(figures.segments) == ["s"]
    assert figures.signals == 6


def test_without_exits_there_is_no_stay() -> None:
    assert followed(signal(5, "a", "entered", "s")).segments["s"].median_stay_ms is None
    assert (Flow().median_stay_ms, Flow().at_most, Flow().at_the_end) == (None, 0, 0)


@pytest.mark.parametrize(("pause_ms", "flaps"), [(DAY_MS - 1, 1), (DAY_MS, 0)])
def test_who_comes_back_within_a_day_flaps(pause_ms: int, flaps: int) -> None:
    figures = followed(
        signal(0, "a", "entered", "s"),
        signal(10, "a", "exited", "s"),
        signal(10 + pause_ms, "a", "entered", "s"),
    )
    assert figures.segments["s"].flaps == flaps
    assert figures.segments["s"].customers == 1


def test_bands_are_flows_too() -> None:
    figures = followed(
        signal(0, "a", "churn", "low"),
        signal(DAY_MS, "a", "churn", "high"),
        signal(DAY_MS + 9, "a", "churn", "low"),
    )
    low, high = figures.bands["low"], figures.bands["high"]
    assert (low.entries.total(), low.exits.total(), low.customers, low.flaps) == (2, 1, 1, 1)
    assert (high.stays_ms, high.at_the_end, low.inside_ms) == ([9], 0, 10 * DAY_MS - 9)


def test_the_overlap_is_the_time_in_both() -> None:
    figures = followed(
        signal(0, "a", "entered", "s"), signal(2, "a", "entered", "t"), signal(6, "a", "exited", "s"),
        signal(8, "a", "entered", "s"), signal(0, "b", "entered", "t"), until_ms=10,
    )  # fmt: skip
    assert figures.together_ms == {("s", "t"): 6}
    assert list(figures.overlaps()) == [("s", "t", 6, 6 / (8 + 18 - 6))]


def test_campaigns_count_requests_and_what_their_gates_suppressed() -> None:
    figures = followed(
        act(0, "a", "requested"), act(1, "a", "suppressed", abort_type="cooldown"),
        act(DAY_MS, "a", "requested", step=2, channel="sms"), act(2, "b", "suppressed", abort_type="no_consent"),
        act(3, "b", "suppressed", abort_type="expired", waited_for="slot"),
    )  # fmt: skip
    requests = figures.requests("c")
    assert (requests.requested, requests.customers) == ({0: 1, 1: 1}, 1)
    assert requests.suppressed == {"cooldown": 1, "no_consent": 1, "expired": 1}
    assert requests.by_step == {(1, "email"): 1, (2, "sms"): 1}
    assert requests.waited_for == {"slot": 1}
    assert figures.requests("other").requested == {}


def test_arms_count_entries_once_and_what_came_of_them() -> None:
    """Of the control group what would have been asked; an entry that was never asked for is in no arm."""
    a, b = {"variant": "long"}, {"variant": "short", "holdout": True}
    figures = followed(
        act(0, "a", "requested", **a), act(1, "a", "requested", step=2, **a),
        act(2, "a", "ended", outcome="converted", **a), act(9, "a", "requested", **a),
        act(10, "a", "ended", outcome="superseded", **a), act(11, "a", "requested", **a),
        act(3, "b", "suppressed", abort_type="holdout", **b), act(4, "b", "ended", outcome="not_converted", **b),
        act(5, "c", "suppressed", abort_type="no_consent", **a),
    )  # fmt: skip
    requests = figures.requests("c")
    assert requests.asked == {Arm("long", False): 3, Arm("short", True): 1}
    assert +requests.converted == {Arm("long", False): 1}
    assert requests.ended == {"converted": 1, "superseded": 1, "not_converted": 1}
    assert (requests.customers, requests.requested.total()) == (1, 4)


def test_figures_of_other_customers_add_up() -> None:
    mine = [signal(0, "a", "entered", "s"), act(3, "a", "requested"), signal(4, "a", "churn", "low")]
    theirs = [
        signal(1, "b", "entered", "s"), signal(2, "b", "entered", "t"), signal(9, "b", "exited", "s"),
        act(4, "b", "suppressed", abort_type="holdout", holdout=True), act(6, "b", "ended", outcome="converted"),
        act(5, "b", "suppressed", abort_type="expired", waited_for="paused"),
    ]  # fmt: skip
    whole, one = followed(*mine, *theirs), followed(*mine)
    one.absorb(followed(*theirs))
    assert one == whole
