"""docs/campaigns.md shows what is printed of the rules that it shows."""

import re
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner

from streamproc.cli.campaigns import campaigns_group
from streamproc.contracts.signal_types import AbortType

PAGE = (Path(__file__).parents[3] / "docs" / "campaigns.md").read_text(encoding="utf-8")
(RULES,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LISTED, SIMULATED = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def printed(command: str, rules: Path, *options: str) -> str:
    """Without white space at the ends of lines."""
    ran = CliRunner().invoke(campaigns_group, [command, str(rules), *options])
    assert ran.exit_code == 0, ran.exception
    return "".join(f"{line.rstrip()}\n" for line in ran.stdout.splitlines())


def test_the_rules_shown_are_without_doubt(rules: Path) -> None:
    assert printed("lint", rules) == f"{rules}: no problems in 1 campaign\n"


def test_the_list_shown_is_what_is_printed(rules: Path) -> None:
    assert printed("list", rules) == LISTED


def test_the_simulation_shown_is_what_is_printed(rules: Path) -> None:
    """But for the speed of the machine."""
    speed = re.compile(r" \([\d,]+ events/s\)")
    assert speed.sub("", printed("simulate", rules, "--data", "ecom")) == speed.sub("", SIMULATED)


def test_every_reason_is_explained() -> None:
    """In the table of what a campaign refuses."""
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"\w+", row)}
    assert named >= set(get_args(AbortType))
