"""Every command about rules finds them as the worker does, and a file that is given wins."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from streamproc.cli.backtest import backtest_command
from streamproc.cli.features import features_command
from streamproc.cli.segments import segments_group
from streamproc.cli.validate import validate_command
from streamproc.errors import StreamprocError

RULES = """
events:
  Lesson Finished: {duration: length_ms}
funnels:
  - {key: mine, version: 1, steps: [A, B], within: 1d}
segments:
  - {key: own, name: Own, version: 1, enter: events_total >= 1}
"""
EVENT = (
    '{"topic":"events.web","value":{"type":"track","event":"Lesson Finished","userId":"u","messageId":"m",'
    '"timestamp":"2026-01-01T00:00:00Z","properties":{"length_ms":5}}}'
)
#: What is in the output of each command only if the rules above are in force.
COMMANDS: list[tuple[click.Command, list[str], str]] = [
    (features_command, ["funnel_mine_steps"], "funnel_mine_steps"),
    (segments_group, ["list"], "own  Own"),
    (segments_group, ["explain", "own"], "own  Own"),
    (segments_group, ["lint"], "1 segment and 0 campaigns"),
    (backtest_command, ["EVENTS"], "\nown "),
    (validate_command, ["EVENTS"], "1 good, 0 bad\n"),  # the packaged meanings have no such name
]
NAMES = ["features", "list", "explain", "lint", "backtest", "validate"]
every_command = pytest.mark.parametrize(("command", "arguments", "shown"), COMMANDS, ids=NAMES)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def run(
    command: click.Command, arguments: list[str], folder: Path, given: Path | None = None, **variables: str
) -> Result:
    """With the file as its option or first or last argument, if given."""
    events = folder / "events.jsonl"
    events.write_text(EVENT)
    words = [str(events) if word == "EVENTS" else word for word in arguments]
    if given is not None and command is backtest_command:
        words.insert(0, str(given))
    elif given is not None:
        words += [str(given)] if command is segments_group else ["--rules", str(given)]
    env = {"STREAMPROC_RULES": None, "STREAMPROC_RULES_FILE": None, **variables}
    return CliRunner().invoke(command, words, env=env)


@every_command
def test_the_path_may_be_in_a_file(
    command: click.Command, arguments: list[str], shown: str, rules: Path, tmp_path: Path
) -> None:
    """STREAMPROC_RULES_FILE, as for every setting."""
    named = tmp_path / "path"
    named.write_text(f"{rules}\n")
    result = run(command, arguments, tmp_path, STREAMPROC_RULES_FILE=str(named))
    assert (result.exit_code, result.exception) == (0, None)
    assert shown in result.stdout
    assert "without a meaning" not in result.stdout


@every_command
def test_a_file_that_is_given_wins(
    command: click.Command, arguments: list[str], shown: str, rules: Path, tmp_path: Path
) -> None:
    """Whatever is set, and however wrongly."""
    nowhere = {"STREAMPROC_RULES": "/nowhere.yaml", "STREAMPROC_RULES_FILE": "/nowhere"}
    result = run(command, arguments, tmp_path, rules, **nowhere)
    assert (result.exit_code, result.exception) == (0, None)
    assert shown in result.stdout


@every_command
def test_two_files_that_are_set_are_a_mistake(
    command: click.Command, arguments: list[str], shown: str, tmp_path: Path
) -> None:
    """As for the worker."""
    error = run(command, arguments, tmp_path, STREAMPROC_RULES="a", STREAMPROC_RULES_FILE="b").exception
    assert isinstance(error, StreamprocError)
    assert error.message == "both STREAMPROC_RULES and STREAMPROC_RULES_FILE are set"


def test_other_settings_do_not_matter_to_rules(rules: Path, tmp_path: Path) -> None:
    """A file can be checked where Kafka's port is misspelt."""
    result = run(segments_group, ["lint"], tmp_path, rules, STREAMPROC_HTTP_PORT="http")
    assert result.exit_code == 0
    result = run(segments_group, ["lint"], tmp_path, STREAMPROC_HTTP_PORT="http", STREAMPROC_RULES=str(rules))
    assert result.exit_code == 0
