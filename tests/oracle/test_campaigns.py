"""Campaigns: the engine does exactly what the reference says, on random lives around changes of the clocks."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.oracle.test_lives import EXAMPLES, check
from tests.reference.campaigns_files import TEN_MINUTES
from tests.reference.campaigns_strategies import Campaigning, campaignings

pytestmark = pytest.mark.timeout(60 * EXAMPLES)


@settings(max_examples=2 * EXAMPLES, suppress_health_check=list(HealthCheck))
@given(campaignings())
def test_two_months(one: Campaigning) -> None:
    check(one.scenario)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(campaignings(TEN_MINUTES))
def test_ten_minutes(one: Campaigning) -> None:
    check(one.scenario)
