"""Faults under load: a short run of the suite that `make faults` runs at length."""

from pathlib import Path

import pytest

from tests.faults.run import RECOVERY_S, run_seed

SEED = 20261124
FAULTS = ["two_owners", "failover", "kafka_cut", "kill", "redis_kill", "backup_restored", "poisoned"]


@pytest.mark.usefixtures("require_apache_kafka")
@pytest.mark.timeout(300)
async def test_nothing_is_lost_under_faults(tmp_path: Path) -> None:
    """Nothing is lost, counted twice, out of order or too early, and every shard is back soon."""
    result = await run_seed(
        SEED, len(FAULTS), FAULTS, tmp_path, rate=400, customers=300, replicas="1", quiet=True
    )
    assert result["wrong"] == []
    assert result["events"] > 1_000
    assert all(outcome["recovery_s"] < 2 * RECOVERY_S for outcome in result["outcomes"])
