"""The engine does exactly what the reference says, on small lives full of boundaries and random rules."""

import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from streamproc.churn.model import load_model
from streamproc.rules.load import check_text
from streamproc.transitions.definitions import Definitions
from tests.oracle.compare import assert_same, signal_bytes
from tests.oracle.engine import Run, run_engine
from tests.oracle.mishaps import MISHAPS
from tests.reference.campaigns_gate import Controls
from tests.reference.evaluate import NOT_CONTROLLED
from tests.reference.examples import EXAMPLES
from tests.reference.model import Reference
from tests.reference.strategies import MINUTES, MONTHS, Scenario, scenarios

pytestmark = pytest.mark.timeout(60 * EXAMPLES)


def definitions_of(scenario: Scenario) -> Definitions:
    ruleset, problems = check_text(scenario.rules_yaml, "random.yaml")
    assert ruleset is not None, [str(problem) for problem in problems]
    return Definitions(ruleset, load_model(scenario.model_json))


#: Ways to cut a life into commits.
IN_PIECES: tuple[Mapping[str, Any], ...] = (
    {"chunk_records": 1},
    {"chunk_records": 3, "due_customers": 1, "fetch_records": 2, "mishaps": MISHAPS},
    {"chunk_records": 5, "together": True},
)


def check(
    scenario: Scenario,
    controls: Controls = NOT_CONTROLLED,
    in_pieces: Sequence[Mapping[str, Any]] = IN_PIECES,
) -> Run:
    """Engine and reference say the same, whatever the pieces, and whatever befalls them; what the engine said."""
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.yaml"
        rules.write_text(scenario.rules_yaml)
        reference = Reference(rules, scenario.model_json, scenario.partitions)
        result = reference.run(scenario.logs, scenario.wall_now_ms, scenario.until_ms, controls=controls)
    definitions = definitions_of(scenario)
    run = partial(
        run_engine,
        scenario.logs,
        definitions,
        scenario.partitions,
        scenario.until_ms,
        wall_now_ms=scenario.wall_now_ms,
        controls=controls,
    )
    whole = run()
    assert_same(whole, result)
    for options in in_pieces:
        pieces = run(**options)
        assert signal_bytes(pieces) == signal_bytes(whole)
        assert pieces.features == whole.features
    return whole


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(scenario=scenarios(MINUTES))
def test_minutes(scenario: Scenario) -> None:
    check(scenario)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(scenario=scenarios(MONTHS))
def test_months(scenario: Scenario) -> None:
    check(scenario)


@settings(max_examples=max(1, EXAMPLES // 10), suppress_health_check=list(HealthCheck))
@given(scenario=scenarios(MINUTES, contradictory=True))
def test_rules_that_contradict_themselves(scenario: Scenario) -> None:
    """Enter and exit may hold at once: such a segment flips at every second, and does so exactly."""
    check(scenario)
