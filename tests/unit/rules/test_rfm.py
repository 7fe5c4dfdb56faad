"""examples/rfm.yaml: who is in which segment, by the fixed cut-offs; and that it lints clean."""

from pathlib import Path

from streamproc.backtest.figures import Follower
from streamproc.backtest.history import HistoricEvent
from streamproc.churn.model import load_model
from streamproc.rules.load import check_ruleset, load_ruleset
from streamproc.transitions.definitions import Definitions
from tests.reference.compose import call, encode
from tests.unit.backtest.histories import DAY_MS, replayed

RFM = Path(__file__).parents[3] / "examples" / "rfm.yaml"
NOW_MS = 20_700 * DAY_MS

#: Customer -> days before now with an order, and what each cost.
ORDERS = {
    "champion": (range(5, 30, 5), 100),
    "loyal": (range(5, 30, 5), 1),
    "at_risk": (range(40, 60, 5), 100),
    "hibernating": ([70], 100),
    "buyer": ([10], 5),
}
#: Customer -> days before now with a visit.
VISITS = {"heavy": range(1, 14), "medium": range(1, 6), "light": [3], "gone": [45]}


def test_it_lints_clean() -> None:
    ruleset, problems = check_ruleset(RFM)
    assert problems == []
    assert ruleset is not None
    assert all(cutoff.quantile is not None for cutoff in ruleset.cutoffs)


def events() -> list[HistoricEvent]:
    found = []
    for customer, (days, total) in ORDERS.items():
        for day in days:
            body = call(
                "track", customer, NOW_MS - day * DAY_MS, f"{customer}-{day}", event="Order Completed"
            )
            body["properties"] = {"total": total, "currency": "USD"}
            found.append((day, HistoricEvent("events.web", encode(body))))
    for customer, visits in VISITS.items():
        for day in visits:
            body = call("page", customer, NOW_MS - day * DAY_MS, f"{customer}-{day}", name="x")
            found.append((day, HistoricEvent("events.web", encode(body))))
    return [event for _, event in sorted(found, key=lambda each: -each[0])]


async def test_who_is_where() -> None:
    definitions = Definitions(load_ruleset(RFM), load_model(None))
    _, signals = await replayed(events(), definitions, NOW_MS + 400 * DAY_MS, 0)
    follower = Follower()
    follower.add(signals)
    inside = {(segment, customer) for (segment, customer), moves in follower.moves.items() if len(moves) % 2}
    assert {("champions", "champion"), ("loyal", "loyal"), ("at_risk", "at_risk")} <= inside
    assert {("hibernating", "hibernating"), ("buyer", "buyer")} <= inside
    assert {("heavy_user", "heavy"), ("medium_user", "medium"), ("light_user", "light")} <= inside
    rfm = [pair for pair in inside if pair[1] in ORDERS and not pair[0].endswith("_user")]
    assert len(rfm) == len(ORDERS)
    requests = [signal.customer for signal in signals if signal.kind in ("requested", "suppressed")]
    assert requests == ["at_risk"]
