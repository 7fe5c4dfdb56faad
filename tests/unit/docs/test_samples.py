"""What docs/ show of an output is the output, and docs/rules.md lists every key."""

import re
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from streamproc.cli.segments import segments_group
from streamproc.rules import campaigns, contact, cutoffs, funnels, load, segments, steps

ROOT = Path(__file__).parents[3]
RULES = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
#: A block that shows what a command on segments of the playbook prints; a last line `…` leaves the rest out.
SAMPLES = re.findall(r"<!-- output: segments (.+?) -->\n```text\n(.*?)^```$", RULES, re.MULTILINE | re.DOTALL)
SECTIONS: Final = {
    "top level": load._KEYS,
    "a funnel": funnels._KEYS,
    "a cut-off, under its name": cutoffs._KEYS,
    "a segment": segments._KEYS,
    "`churn`": ("min_history", "hysteresis", "bands"),
    "`contact`": contact._KEYS,
    "a cap": contact._CAP_KEYS,
    "a campaign": campaigns._KEYS,
    "a step": ("wait", *steps.STEP_KEYS),
}


def test_there_are_samples() -> None:
    assert SAMPLES


@pytest.mark.parametrize(("call", "block"), SAMPLES, ids=[call for call, _ in SAMPLES])
def test_a_sample_is_what_is_printed(call: str, block: str) -> None:
    """Of the packaged playbook."""
    env = {"STREAMPROC_RULES": None, "STREAMPROC_RULES_FILE": None}
    printed = CliRunner().invoke(segments_group, call.split(), env=env).stdout
    shown, left_out, _ = block.partition("  …\n")
    assert printed.startswith(shown) if left_out else printed == shown


def test_every_key_is_listed() -> None:
    """Section by section, and no other."""
    table = RULES.partition("## Every key\n")[2].partition("\n## ")[0]
    listed: dict[str, list[str]] = {}
    section = ""
    for named, keys in re.findall(r"^\| (.*?) ?\| (`.+?) \|", table, re.MULTILINE):
        section = named or section
        listed.setdefault(section, []).extend(re.findall(r"`(\w+)`", keys))
    assert {name: set(keys) for name, keys in listed.items()} == {
        name: set(keys) for name, keys in SECTIONS.items()
    }
