"""Random lives with campaigns: the model keeps its promises, at whatever seconds it looks at customers."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reference.campaigns_files import TEN_MINUTES
from tests.reference.campaigns_strategies import Campaigning, campaignings
from tests.reference.examples import EXAMPLES, FEWER
from tests.unit.reference.journeys import broken_by, run_campaigns

CALM = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@settings(CALM, max_examples=EXAMPLES)
@given(campaignings(with_controls=True))
def test_promises_are_kept(one: Campaigning) -> None:
    assert broken_by(one) == []


@settings(CALM, max_examples=FEWER)
@given(campaignings(TEN_MINUTES))
def test_candidates_are_enough(one: Campaigning) -> None:
    """Ten minutes around a change of the clocks, every customer at every second, against the candidates only."""
    quick, literal = run_campaigns(one), run_campaigns(one, "every_second")
    assert quick.signals == literal.signals
    assert quick.evaluations <= literal.evaluations
    assert broken_by(one) == []


@settings(CALM, max_examples=FEWER)
@given(campaignings(), st.integers(0, 2**32))
def test_further_evaluations_change_nothing(one: Campaigning, seed: int) -> None:
    """Two months: evaluating at hundreds of other seconds, too, publishes nothing else, and nothing earlier."""
    quick, random = run_campaigns(one), Random(seed)
    end_ms = one.scenario.until_ms
    changes = [signal["at_ms"] for signals in quick.signals.values() for signal in signals]
    also = {at_ms - 1000 for at_ms in changes}
    also |= {end_ms - random.randrange(60 * 86_400) * 1000 for _ in range(300)}
    assert run_campaigns(one, also_at_ms=tuple(also)).signals == quick.signals
