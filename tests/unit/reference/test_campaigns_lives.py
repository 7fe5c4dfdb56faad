"""Random lives with campaigns: the model of journeys keeps its promises, and its checks find where it does not."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reference.campaigns_facts import Facts
from tests.reference.campaigns_files import TEN_MINUTES
from tests.reference.campaigns_invariants import broken
from tests.reference.campaigns_strategies import Campaigning, campaignings
from tests.reference.model import Mode, Reference, Result

CALM = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def run(one: Campaigning, mode: Mode = "candidates", also_at_ms: tuple[int, ...] = ()) -> Result:
    scenario = one.scenario
    reference = Reference(scenario.rules_yaml, scenario.model_json, scenario.partitions)
    return reference.run(
        scenario.logs, scenario.wall_now_ms, scenario.until_ms, mode, also_at_ms, pauses=one.pauses
    )


def broken_by(one: Campaigning) -> list[str]:
    """The promises that the model itself breaks."""
    signals = [signal for shard in run(one).signals.values() for signal in shard]
    return broken(Facts(one.scenario, signals, one.pauses))


@settings(CALM, max_examples=80)
@given(campaignings(with_pauses=True))
def test_promises_are_kept(one: Campaigning) -> None:
    assert broken_by(one) == []


@settings(CALM, max_examples=30)
@given(campaignings(TEN_MINUTES))
def test_candidates_are_enough(one: Campaigning) -> None:
    """Ten minutes around a change of the clocks, every customer at every second, against the candidates only."""
    quick, literal = run(one), run(one, "every_second")
    assert quick.signals == literal.signals
    assert quick.evaluations <= literal.evaluations
    assert broken_by(one) == []


@settings(CALM, max_examples=30)
@given(campaignings(), st.integers(0, 2**32))
def test_further_evaluations_change_nothing(one: Campaigning, seed: int) -> None:
    """Two months: evaluating at hundreds of other seconds, too, publishes nothing else, and nothing earlier."""
    quick, random = run(one), Random(seed)
    end_ms = one.scenario.until_ms
    changes = [signal["at_ms"] for signals in quick.signals.values() for signal in signals]
    also = {at_ms - 1000 for at_ms in changes}
    also |= {end_ms - random.randrange(60 * 86_400) * 1000 for _ in range(300)}
    assert run(one, also_at_ms=tuple(also)).signals == quick.signals
