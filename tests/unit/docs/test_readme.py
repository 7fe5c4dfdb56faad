"""What README.md and docs/ARCHITECTURE.md say is what the program does."""

import json
import re
import tomllib
from pathlib import Path

import click
import msgspec
import pytest

from streamproc.churn.model import load_model
from streamproc.cli.group import group
from streamproc.rules.load import load_ruleset
from streamproc.settings import Settings
from streamproc.transitions.definitions import Definitions
from tests.oracle.engine import run_engine
from tests.reference.record import Record

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WEBHOOKS = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")

MARKED = re.compile(r"<!-- (file|signal): (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SNIPPETS = [(name, block) for kind, name, block in MARKED.findall(README + WEBHOOKS) if kind == "file"]
SIGNALS = [(topic, block) for kind, topic, block in MARKED.findall(README) if kind == "signal"]

UNTIL_MS = 1_777_593_600_000  # 2026-05-01


@pytest.mark.parametrize(("name", "block"), SNIPPETS, ids=[name for name, _ in SNIPPETS])
def test_snippets_are_the_files(name: str, block: str) -> None:
    """To the letter, so what is run is what is read."""
    assert block == (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("topic", "block"), SIGNALS, ids=[topic for topic, _ in SIGNALS])
def test_the_signal_shown_is_what_the_example_publishes(topic: str, block: str) -> None:
    """The rule and the events of the README, through the engine, under the event clock."""
    definitions = Definitions(load_ruleset(ROOT / "examples" / "rules.yaml"), load_model(None))
    lines = (ROOT / "examples" / "events.jsonl").read_bytes().splitlines()
    logs = {("events.web", 0): [Record(offset, b"u-1001", line) for offset, line in enumerate(lines)]}
    published = run_engine(logs, definitions, partitions=1, until_ms=UNTIL_MS).records[0]
    assert json.loads(block) in [json.loads(record.value) for record in published if record.topic == topic]


def test_every_setting_is_listed_with_its_default() -> None:
    """And no other."""
    rows = dict(re.findall(r"^\| `STREAMPROC_(\w+)` \| (.+?) \|", README, re.MULTILINE))
    fields = {item.name.upper(): item.default for item in msgspec.structs.fields(Settings)}
    assert set(rows) == set(fields)
    for name, default in fields.items():
        if default != "":
            assert rows[name] == f"`{default}`", name


def test_every_command_is_listed() -> None:
    """In the table of commands, subcommands too."""
    table = README.partition("## Commands")[2].partition("## Settings")[0]
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        subcommands = command.commands if isinstance(command, click.Group) else {"": command}
        for sub in subcommands:
            assert f"`streamproc {name} {sub}".strip() in table, f"{name} {sub}"


def test_every_layer_is_in_the_architecture() -> None:
    """In the order in which they are checked."""
    checked = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in checked if contract["type"] == "layers")
    table = ARCHITECTURE.partition("<!-- layers")[2].partition("\n\nFrom `contracts`")[0]
    listed = re.findall(r"^\| (`.+?`) \| ", table, re.MULTILINE)
    assert [re.findall(r"\w+", row) for row in listed] == [re.findall(r"\w+", layer) for layer in layers]
