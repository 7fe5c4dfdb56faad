"""What a packed state takes, measured on next to nothing."""

import asyncio

from benchmarks import states
from streamproc.state.layout import unpack


def test_every_group_of_customers_has_all_lines() -> None:
    groups = asyncio.run(states.customers_by_use(12))
    tables = [unpack([""] * len(lives.states), lives.states) for lives in groups.values()]
    lines = [dict(states.measured(table, rounds=1)) for table in tables]
    assert list(groups) == ["light", "typical", "heavy"]
    assert all(list(one) == list(lines[0]) for one in lines)
    assert set(states.PARTS) < set(lines[0])
    sizes = [float(one["all without the ring"]) for one in lines]
    assert 100 < sizes[0] < sizes[2]
