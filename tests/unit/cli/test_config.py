"""`streamproc config show`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli.config import config_group
from streamproc.errors import StreamprocError
from tests.unit.api.customers import SMALL_FILE
from tests.unit.rules.test_cutoffs import RULES

CLEAN = dict.fromkeys(("STREAMPROC_RULES", "STREAMPROC_REDIS", "STREAMPROC_KAFKA", "STREAMPROC_CLOCK"))

ONE_OF_EACH = """
funnels:
  - {key: way, version: 1, steps: [A, B], within: 1d}
segments:
  - {key: s, name: S, version: 1, enter: recency > 1d}
campaigns:
  - {key: c, name: C, version: 1, on: enter s, channel: email, reason: R, expires_after: 1d, reentry: after 1d}
"""


def show(*arguments: str, **variables: str) -> Result:
    env = {**CLEAN, **{f"STREAMPROC_{name.upper()}": value for name, value in variables.items()}}
    return CliRunner().invoke(config_group, ["show", *arguments], env=env)


def test_settings_with_their_sources(tmp_path: Path) -> None:
    """A line each; where a value comes from a file, its path. No secret, no colour."""
    token = tmp_path / "token"
    token.write_text("hush")
    result = show(group="mine", redis="redis://me:hush@h:6379/0", http_token_file=str(token))
    assert result.exit_code == 0, result.output
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line}
    assert rows["STREAMPROC_GROUP"] == ["mine", "environment"]
    assert rows["STREAMPROC_REDIS"] == ["redis://(hidden)@h:6379/0", "environment"]
    assert rows["STREAMPROC_HTTP_TOKEN"] == ["(hidden)", str(token)]
    assert rows["STREAMPROC_CLOCK"] == ["live", "default"]
    assert rows["STREAMPROC_KAFKA_PASSWORD"] == ["default"]
    assert "hush" not in result.output
    assert "\x1b" not in result.output


def test_rules_and_model_in_force() -> None:
    shown = show(rules=str(SMALL_FILE)).stdout
    assert f"rules  {SMALL_FILE}: fingerprint " in shown
    assert "7 segments, 2 campaigns, 0 funnels, money in USD\n" in shown
    assert "model  the packaged one: cdnow-1\n" in shown
    assert "rules  the packaged playbook: fingerprint " in show().stdout


def test_one_thing_is_told_in_the_singular(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(ONE_OF_EACH)
    assert ", 1 segment, 1 campaign, 1 funnel, money in USD\n" in show(rules=str(path)).stdout


def test_json() -> None:
    told = json.loads(show("--json", redis="redis://me:hush@h", rules=str(SMALL_FILE)).stdout)
    (redis,) = [item for item in told["settings"] if item["name"] == "redis"]
    assert redis == {
        "name": "redis",
        "variable": "STREAMPROC_REDIS",
        "value": "redis://(hidden)@h",
        "source": "environment",
        "file": None,
    }
    assert told["rules"]["segments"] == 7
    assert told["not_read"] == {}


def test_rules_that_cannot_be_used(tmp_path: Path) -> None:
    """All the rest is shown, and the exit code says that a worker would not start."""
    path = tmp_path / "rules.yaml"
    path.write_text("segments: [{key: s, name: S, version: 1, enter: recenzy > 1d}]")
    result = show(rules=str(path))
    assert result.exit_code == 2
    assert "unknown feature `recenzy`" in result.stdout
    assert "model  the packaged one" in result.stdout
    told = json.loads(show("--json", rules=str(path)).stdout)
    assert "recenzy" in told["rules"]["error"]


def test_a_variable_that_is_not_read() -> None:
    result = show(topic_prefx="a.")
    assert "STREAMPROC_TOPIC_PREFX is not read; did you mean STREAMPROC_TOPIC_PREFIX?" in result.stderr


def test_mistakes_are_told_as_elsewhere() -> None:
    result = show(clock="wall", http_port="http")
    assert isinstance(result.exception, StreamprocError)
    with pytest.raises(StreamprocError, match=r"STREAMPROC_CLOCK='wall'.*STREAMPROC_HTTP_PORT='http'"):
        raise result.exception


def test_cutoffs_in_force(tmp_path: Path) -> None:
    """By name, with where the value comes from; nothing where rules have none."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    shown = show(rules=str(path), cutoffs=str(tmp_path / "cutoffs.json")).stdout
    assert f"cutoffs  {tmp_path / 'cutoffs.json'}: the fixed ones\n" in shown
    assert "  heavy_use: 12 (fixed; 80% of sessions_30d)\n" in shown
    assert "  recent: 7d (fixed; 20% of recency)\n" in shown
    assert "cutoffs  " not in show().stdout
    (tmp_path / "cutoffs.json").write_text("{")
    broken = show(rules=str(path), cutoffs=str(tmp_path / "cutoffs.json"))
    assert broken.exit_code == 2
    assert "cutoffs  wrong: " in broken.stdout
