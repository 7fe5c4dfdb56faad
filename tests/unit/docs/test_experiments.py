"""docs/experiments.md shows what is printed, and sizes as they are computed."""

import re
from pathlib import Path

from click.testing import CliRunner

from streamproc.cli.campaigns import campaigns_group
from streamproc.experiments.proportions import needed
from streamproc.experiments.report import ALPHA, POWER
from tests.unit.experiments.signals import RULES, Experiment, rescue

PAGE = (Path(__file__).parents[3] / "docs" / "experiments.md").read_text(encoding="utf-8")


def test_the_report_shown_is_what_is_printed(tmp_path: Path) -> None:
    """Of 6,000 simulated customers, of whom one variant brings back 10 points more, and the other 2."""
    variants = (("short", 1), ("long", 1))
    lifts = {"short": 0.02, "long": 0.1}
    path = tmp_path / "signals.jsonl"
    experiment = Experiment(rescue(holdout=0.3, variants=variants), 0.2, lifts, 6_000)
    path.write_bytes(b"".join(value + b"\n" for value in experiment.signals(1)))
    (tmp_path / "rules.yaml").write_text(RULES)
    call = ["report", str(path), "--rules", str(tmp_path / "rules.yaml")]
    printed = CliRunner().invoke(campaigns_group, call, env={"COLUMNS": "80"}).stdout
    (shown,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert "\n".join(map(str.rstrip, printed.splitlines())) + "\n" == shown


def test_the_sizes_are_those_that_are_needed() -> None:
    """By rate; two effects, each with half and with a tenth held out."""
    rows = re.findall(r"^\| (\d+)% \| (.+ \+ .+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 5
    for rate, cells in rows:
        sizes = [
            needed(int(rate) / 100, effect, ratio, ALPHA, POWER)
            for effect in (0.05, 0.02)
            for ratio in (1, 9)
        ]
        assert cells == " | ".join(f"{own.control:,} + {own.treated:,}" for own in sizes)
