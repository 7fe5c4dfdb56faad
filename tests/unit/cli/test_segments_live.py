"""`streamproc segments preview` and `apply`: what they show, and mistakes in words. Servers: tests/integration."""

from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from streamproc.backtest.history import HistoricEvent
from streamproc.backtest.preview import Change, Preview, SegmentPreview
from streamproc.churn.model import load_model
from streamproc.cli.group import group
from streamproc.cli.segments import segments_group
from streamproc.cli.segments_live import _swept, _write, print_preview
from streamproc.errors import StreamprocError
from streamproc.rules.load import load_ruleset
from streamproc.transitions.definitions import Definitions
from tests.reference.compose import call, encode
from tests.unit.backtest.histories import DAY_MS, replayed

CAMPAIGN = (
    "campaigns:\n"
    "  - {key: ask, name: Ask, version: 1, on: enter own, channel: email, expires_after: 1d, reason: r, "
    "reentry: never}\n"
)
START_MS = 20_514 * DAY_MS
RULES = "segments:\n  - {key: own, name: Own, version: 1, enter: events_total >= 1}\n"
EVIDENCE = {
    "feature": "events_total", "value": 3, "op": ">=", "threshold": 1, "unit": "count", "holds": True, "exact": True,
}  # fmt: skip


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def run(*arguments: str, **variables: str) -> Result:
    env = {"STREAMPROC_RULES": None, "STREAMPROC_RULES_FILE": None, **variables}
    return CliRunner().invoke(segments_group, arguments, env=env)


def shown(found: Preview) -> str:
    out = StringIO()
    print_preview(Console(file=out, width=100, highlight=False), found)
    return out.getvalue()


def test_what_changes_is_shown_with_reasons() -> None:
    change = Change(1, "u-1", True, [EVIDENCE])
    text = shown(
        Preview(
            {
                "own": SegmentPreview(2, 1, inside=1_000, entering=20, leaving=3, told=[change]),
                "gone": SegmentPreview(None, 4, inside=7, leaving=7, told=[Change(2, "u-2", False, [])]),
                "same": SegmentPreview(1, 1, inside=5),
            },
            customers=2_000,
            changed=30,
            campaigns_new=["nag"],
            campaigns_gone=["ask"],
        )
    )
    assert "campaign nag comes\ncampaign ask goes\n" in text
    assert "2,000 customers looked at; something changes for 30\n" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["own", "1", "→", "2", "1,000", "20", "3", "1,017"] in lines
    assert ["gone", "4", "→", "gone", "7", "0", "7", "0"] in lines
    assert "own  u-1 comes in: events_total 3 >= 1" in text
    assert "u-2" not in text  # that the segment is gone is reason enough
    assert "1 segment stays as it is" in text


def test_the_playbook_cannot_be_changed(rules: Path) -> None:
    error = run("apply", str(rules)).exception
    assert isinstance(error, StreamprocError)
    assert "packaged playbook" in error.message
    assert "STREAMPROC_RULES=" in error.fix


def test_the_same_rules_are_in_force_already(rules: Path, tmp_path: Path) -> None:
    live = tmp_path / "live.yaml"
    live.write_text(RULES)
    result = run("apply", str(rules), STREAMPROC_RULES=str(live))
    assert (result.exit_code, result.stdout) == (0, "these rules are in force already\n")


@pytest.mark.parametrize("command", ["preview", "apply"])
def test_mistakes_in_rules_are_told_first(command: str, tmp_path: Path, rules: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(RULES.replace("events_total", "evnts_total"))
    error = run(command, str(broken), STREAMPROC_RULES=str(rules)).exception
    assert isinstance(error, StreamprocError)
    assert "evnts_total" in error.message


@pytest.mark.parametrize("command", ["preview", "apply"])
def test_a_redis_that_does_not_answer_is_named(command: str, tmp_path: Path, rules: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(RULES.replace(">= 1", ">= 2"))
    variables = {"STREAMPROC_RULES": str(rules), "STREAMPROC_REDIS": "redis://localhost:1/0"}
    error = run(command, str(other), **variables).exception
    assert isinstance(error, StreamprocError)
    assert "localhost:1" in error.message
    assert rules.read_text() == RULES


def test_a_rules_file_behind_a_link_is_replaced_where_it_is(rules: Path, tmp_path: Path) -> None:
    link = tmp_path / "live.yaml"
    link.symlink_to(rules)
    _write(link, "segments: []\n")
    assert link.is_symlink()
    assert rules.read_text() == "segments: []\n"
    assert (tmp_path / "live.yaml.before").read_text() == RULES


def test_retries_are_not_told_one_by_one(rules: Path) -> None:
    """What comes of them is said once, at the end."""
    env = {"STREAMPROC_REDIS": "redis://localhost:1/0"}
    result = CliRunner().invoke(group, ["segments", "preview", str(rules)], env=env)
    assert isinstance(result.exception, StreamprocError)
    assert result.output == ""


async def test_rules_that_no_worker_has_are_not_in_force(rules: Path) -> None:
    """Though everybody was evaluated as they would have it: they differ in a campaign, which a worker may refuse."""
    old = Definitions(load_ruleset(rules), load_model(None))
    rules.write_text(RULES + CAMPAIGN)
    new = Definitions(load_ruleset(rules), load_model(None))
    assert old.fingerprint == new.fingerprint
    page = call("page", "u-1", START_MS, "m1", name="x")
    events = [HistoricEvent("events.web", encode(page))]
    replay, _ = await replayed(events, old, START_MS + 400 * DAY_MS, 0)
    assert await _swept(replay.store, old) == (1, 1, True)
    assert await _swept(replay.store, new) == (0, 1, False)
