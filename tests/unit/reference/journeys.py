"""The reference, run over random lives with campaigns."""

from tests.reference.campaigns_facts import Facts
from tests.reference.campaigns_invariants import broken
from tests.reference.campaigns_strategies import Campaigning
from tests.reference.model import Mode, Reference, Result


def run_campaigns(one: Campaigning, mode: Mode = "candidates", also_at_ms: tuple[int, ...] = ()) -> Result:
    """What the model publishes."""
    scenario = one.scenario
    reference = Reference(scenario.rules_yaml, scenario.model_json, scenario.partitions)
    return reference.run(
        scenario.logs, scenario.wall_now_ms, scenario.until_ms, mode, also_at_ms, controls=one.controls
    )


def broken_by(one: Campaigning) -> list[str]:
    """The promises that the model itself breaks."""
    signals = [signal for shard in run_campaigns(one).signals.values() for signal in shard]
    return broken(Facts(one.scenario, signals, one.controls))
