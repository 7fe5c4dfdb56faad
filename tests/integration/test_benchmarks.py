"""The benchmarks still work: all of them, on next to nothing. What they measure here means nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.measure import FETCHED
from benchmarks.results import MEASUREMENTS, load

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.usefixtures("require_apache_kafka"), pytest.mark.timeout(400)]


def run(module: str, *arguments: str) -> str:
    """What a benchmark prints; it must end well."""
    ran = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-6000:]
    return ran.stdout


def test_all_benchmarks_run_and_have_figures(tmp_path: Path) -> None:
    assert FETCHED.exists(), "the programs to compare with are not there: make peers"
    assert "all figures are there" in run("benchmarks", "--smoke", "--into", str(tmp_path))
    results = load(tmp_path / "assets" / "bench.json")
    assert set(results.environments) == set(MEASUREMENTS)
    page = (tmp_path / "performance.md").read_text()
    assert "not measured" not in page.lower().partition("## throughput")[2]
    assert (tmp_path / "assets" / "bench.png").stat().st_size > 10_000


def test_what_a_customer_takes_beside_cpu() -> None:
    said = run(
        "benchmarks.footprint", "--customers", "1000", "--lives", "5", "--loads", "200", "--events", "1000",
        "--partitions", "1",
    )  # fmt: skip
    for kind in ("fresh", "settled"):
        assert re.search(
            rf"^{kind} Footprint\(customers=1000, used_bytes_per_customer=\d+", said, re.MULTILINE
        )
        assert re.search(rf"^{kind} 200 Wires\(.*redis_in_bytes=\d+", said, re.MULTILINE)


def test_a_slot_that_moves() -> None:
    said = run("benchmarks.redis_cluster", "move", "--customers", "200", "--minutes", "1")
    assert re.search(r"^  its shard: longest pause [\d.]+ s, restarts \d+$", said, re.MULTILINE)
