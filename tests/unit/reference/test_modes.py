"""The quick mode of the reference publishes exactly what the definition, second by second, does."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reference.model import Reference, Result
from tests.reference.strategies import MINUTES, MONTHS, Scenario, scenarios

CALM = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def outcome(result: Result) -> list[object]:
    """Everything of a run that does not depend on how it was done."""
    return [
        *(result.signals, result.features, result.memberships, result.bands, result.risks, result.as_of_ms),
        *(result.failed, result.duplicates, result.too_late),
    ]


def reference_of(scenario: Scenario) -> Reference:
    return Reference(scenario.rules_yaml, scenario.model_json, scenario.partitions)


@settings(CALM, max_examples=30)
@given(scenarios(MINUTES, contradictory=True))
def test_candidates_are_enough(scenario: Scenario) -> None:
    """A quarter of an hour, every customer at every second, against the candidates only."""
    reference = reference_of(scenario)
    quick = reference.run(scenario.logs, scenario.wall_now_ms, scenario.until_ms)
    literal = reference.run(scenario.logs, scenario.wall_now_ms, scenario.until_ms, "every_second")
    assert outcome(quick) == outcome(literal)
    assert quick.evaluations <= literal.evaluations


@settings(CALM, max_examples=30)
@given(scenarios(MONTHS), st.lists(st.integers(0, 120 * 86_400), max_size=200))
def test_further_evaluations_change_nothing(scenario: Scenario, seconds: list[int]) -> None:
    """Four months: evaluating at hundreds of other seconds, too, publishes nothing else, and nothing
    earlier.
    """
    reference = reference_of(scenario)
    quick = reference.run(scenario.logs, scenario.wall_now_ms, scenario.until_ms)
    changes = {signal["at_ms"] for signals in quick.signals.values() for signal in signals}
    also = {MONTHS.start_ms + second * 1000 for second in seconds} | {at_ms - 1000 for at_ms in changes}
    also |= {MONTHS.start_ms + day * 86_400_000 + 43_200_000 for day in range(120)}
    more = reference.run(scenario.logs, scenario.wall_now_ms, scenario.until_ms, also_at_ms=also)
    assert outcome(quick) == outcome(more)
