"""The benchmarks still work: all of them, on next to nothing. What they measure here means nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.measure import FETCHED
from benchmarks.results import MEASUREMENTS, load
from tests.servers.kafka import missing

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(400)
@pytest.mark.skipif(bool(missing()), reason=f"benchmarks are of Apache Kafka: {missing()}")
@pytest.mark.skipif(not FETCHED.exists(), reason="the programs to compare with are not there: make peers")
def test_all_benchmarks_run_and_have_figures(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--smoke", "--into", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-6000:]
    assert "all figures are there" in ran.stdout
    results = load(tmp_path / "assets" / "bench.json")
    assert set(results.environments) == set(MEASUREMENTS)
    page = (tmp_path / "performance.md").read_text()
    assert "not measured" not in page.lower().partition("## throughput")[2]
    assert (tmp_path / "assets" / "bench.png").stat().st_size > 10_000
