"""From a load to what it needs."""
# ruff: noqa: RUF001 (the lines are read by people, as arithmetic)

import math
from dataclasses import replace

import pytest

from streamproc.errors import StreamprocError
from streamproc.sizing.constants import constants
from streamproc.sizing.load import Load
from streamproc.sizing.plan import plan_for, rounded_up

LOAD = Load(customers=10e6, events_per_s=50e3)


def results(load: Load) -> dict[str, float]:
    return plan_for(load).results


def test_every_line_is_what_its_arithmetic_says_it_is() -> None:
    """Of those lines that are a plain sum of what they show, to the digits that they show."""
    plan = plan_for(LOAD)
    checked = 0
    for line in plan.lines:
        told = line.arithmetic.replace("×", "*").replace("÷", "/").replace("−", "-").replace(",", "")
        if set(told) <= set("0123456789.+-*/() "):
            found = eval(told)
            assert line.value in (math.ceil(found), pytest.approx(found, rel=0.03, abs=0.01)), line.what
            checked += 1
    assert checked >= 10


def test_twice_the_events_take_twice_the_workers() -> None:
    one, two = results(LOAD), results(replace(LOAD, events_per_s=100e3))
    assert two["workers"] == pytest.approx(2 * one["workers"], abs=1)


def test_more_customers_take_memory_and_not_workers() -> None:
    """As long as their events are as many."""
    few, many = results(LOAD), results(replace(LOAD, customers=100e6, active_per_day=LOAD.active))
    assert many["workers"] == few["workers"]
    assert many["redis_gib"] > 8 * few["redis_gib"]
    assert many["redis_primaries"] > few["redis_primaries"]


def test_customers_who_come_back_cost_more_than_those_who_stay() -> None:
    """The first event of a day is the dear one."""
    busy = replace(LOAD, active_per_day=1_000.0)
    rare = replace(LOAD, active_per_day=LOAD.events_per_s * 86_400)
    assert results(rare)["worker_events_per_s"] < 0.6 * results(busy)["worker_events_per_s"]
    cost, linearity = constants()["worker_us_back"].number, min(1.0, constants()["linearity"].number)
    assert results(rare)["worker_events_per_s"] == pytest.approx(1e6 / cost * linearity, rel=0.01)


@pytest.mark.parametrize("field", ["rules", "id_bytes", "replicas"])
def test_more_is_never_less(field: str) -> None:
    more = replace(LOAD, **{field: getattr(LOAD, field) * 3})
    before, after = results(LOAD), results(more)
    assert after["redis_gib"] >= before["redis_gib"]
    assert after["redis_nodes"] >= before["redis_nodes"]
    assert after["workers"] >= before["workers"]


def test_a_small_shop_has_two_workers_and_one_primary() -> None:
    """And twelve partitions, because they cannot be changed later."""
    found = results(Load(customers=50e3, events_per_s=100))
    assert (found["workers"], found["redis_primaries"], found["partitions"]) == (2, 1, 12)
    assert found["p99_ms"] < 200


def test_no_node_is_fuller_than_it_may_be() -> None:
    load = replace(LOAD, customers=100e6, events_per_s=1e6, redis_memory_gb=64)
    found = results(load)
    assert found["redis_node_gib"] <= 64
    assert found["redis_busy"] <= 0.6
    assert found["partitions"] >= 3 * found["workers"]
    assert found["partitions"] >= 4 * found["redis_primaries"]


def test_a_load_without_room_to_catch_up_says_so() -> None:
    """A worker that is busy at its most never comes back from an outage."""
    calm, full = results(replace(LOAD, busy=0.3)), results(replace(LOAD, busy=0.9))
    assert calm["catch_up_s"] < 3_600 < full["catch_up_s"]


@pytest.mark.parametrize(
    ("wanted", "number"), [(1, 12), (12, 12), (13, 24), (72, 72), (73, 96), (97, 120), (145, 192)]
)
def test_partitions_are_shared_out_evenly(wanted: int, number: int) -> None:
    assert rounded_up(wanted) == number


def test_what_no_installation_carries_is_refused() -> None:
    with pytest.raises(StreamprocError, match="Redis primaries of 16 GiB are not enough"):
        plan_for(Load(customers=1e12, events_per_s=1e6))
