"""Campaigns: the engine does exactly what the reference says, and keeps its promises, on random lives.

Around changes of the clocks, with events, consents, caps, budgets and arms; while operators pause campaigns and let
them go on, and workers are killed and take shards from each other.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.mishaps import MISHAPS, Mishap
from tests.oracle.test_lives import check
from tests.reference.campaigns_facts import Facts
from tests.reference.campaigns_files import TEN_MINUTES
from tests.reference.campaigns_invariants import broken
from tests.reference.campaigns_strategies import Campaigning, campaignings
from tests.reference.examples import FEWER

pytestmark = pytest.mark.timeout(60 * FEWER)

ORDEALS = st.lists(st.sampled_from(MISHAPS), min_size=1, max_size=6)


def in_pieces(ordeal: Sequence[Mishap]) -> list[dict[str, Any]]:
    return [
        {"chunk_records": 5, "together": True},
        {"chunk_records": 2, "due_customers": 2, "fetch_records": 3, "mishaps": ordeal},
    ]


def check_campaigns(one: Campaigning, ordeal: Sequence[Mishap]) -> None:
    """The same as the reference, and what must hold of every run."""
    run = check(one.scenario, one.controls, in_pieces(ordeal))
    signals = [signal for shard in range(one.scenario.partitions) for signal in run.signals(shard)]
    assert broken(Facts(one.scenario, signals, one.controls)) == []


@settings(max_examples=FEWER, suppress_health_check=list(HealthCheck))
@given(campaignings(with_controls=True), ORDEALS)
def test_two_months(one: Campaigning, ordeal: list[Mishap]) -> None:
    check_campaigns(one, ordeal)


@settings(max_examples=FEWER, suppress_health_check=list(HealthCheck))
@given(campaignings(TEN_MINUTES, with_controls=True), ORDEALS)
def test_ten_minutes(one: Campaigning, ordeal: list[Mishap]) -> None:
    check_campaigns(one, ordeal)
