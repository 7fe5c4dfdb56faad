"""`streamproc campaigns lint` and `list`: what they print, and their exit codes."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import campaigns_rules
from streamproc.cli.campaigns import campaigns_group
from streamproc.errors import StreamprocError
from streamproc.rules.load import load_ruleset
from streamproc.state.memory_store import MemoryStore
from tests.unit.api.running import HELD_MS, heads

GOOD = """\
segments:
  - {key: dormant, name: Dormant, version: 1, enter: recency > 30d}
contact:
  quiet_hours: 21:00-08:00
  caps: [{most: 1, per: day}, {most: 2, per: 7d, channel: email}]
  complaint: open_tickets > 0 or nps <= 6
  holdout: 5%
campaigns:
  - key: winback
    name: Win [b]back[/b]
    version: 2
    on: enter dormant
    when: money_total > 50 USD
    reentry: after 60d
    priority: 4
    goal: order
    attribution: 21d
    holdout: 10%
    variants: {short: 1, long: 2}
    budget: 500
    expires_after: 2d
    steps:
      - {channel: preferred, reason: No visit}
      - {wait: 4d, channel: [email, sms], reason: Still none, offer: 10_percent, at: "10:00"}
  - {key: nps, name: Asked, version: 1, on: answer nps, reentry: each time, goal: none, expires_after: 1d,
     channel: email, reason: Thanks, at: best_hour, mode: dry}
"""
LISTED = """\
winback  Win [b]back[/b]  (version 2, priority 4, mode live)
  when       the customer enters dormant
  and        order value since first seen is more than 50 USD
  again      60d after the last request
  step 1     at once, where the customer last reacted, else by email, else push, else sms, else phone, else in_app
             No visit
  step 2     4d later, at 10:00 of the customer's day, by email, else sms
             Still none (offer: 10_percent)
  while      still in dormant
  expires    after 2d, if its hour does not come or nobody acts
  success    an order within 21d of the first request
  control    10% are not asked, for comparison
  variants   short 1 in 3, long 2 in 3
  budget     500 requests a day (UTC)

nps  Asked  (version 1, priority 0, mode dry)
  when       time since the last answer to NPS is at most 1h
  again      each time
  step 1     in the customer's best hour, by email
             Thanks
  expires    after 1d, if its hour does not come or nobody acts
  success    not measured

before every request
  consent    to the channel, and not on the suppression list
  quiet      21:00-08:00, in the customer's time zone (UTC if none is known)
  caps       at most 1 a day; at most 2 by email in 7d
  no offers  while one of these:
               - number of tickets that are open is more than 0
               - the last answer to NPS, 0 to 10, is at most 6
  control    5% of all customers are asked by no campaign
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(campaigns_group, arguments, env={"STREAMPROC_RULES": None})


def lint(path: Path, text: str, *options: str) -> Result:
    path.write_text(text)
    return run("lint", str(path), *options)


def test_the_playbook_is_checked_by_default() -> None:
    result = run("lint")
    count = len(load_ruleset(None).campaigns)
    assert (result.exit_code, result.stdout) == (0, f"playbook.yaml: no problems in {count} campaigns\n")


def test_only_campaigns_and_the_policy_are_checked(rules: Path) -> None:
    """Place, line, caret and what to do; what is wrong elsewhere is counted."""
    text = GOOD.replace("reentry: after 60d", "cooldown: 60d").replace("recency > 30d", "recenzy > 30d")
    result = lint(rules, text)
    assert result.exit_code == 2
    assert result.stdout.startswith(f"{rules}:14:5: error: unknown key `cooldown`\n")
    assert "  `cooldown` is now `reentry: after 14d`\n" in result.stdout
    assert "recenzy" not in result.stdout
    assert result.stdout.endswith(
        f"1 problem elsewhere in the file: streamproc segments lint\n{rules}: 1 error\n"
    )


def test_a_file_that_is_wrong_elsewhere_cannot_be_used(rules: Path) -> None:
    result = lint(rules, GOOD.replace("recency > 30d", "recenzy > 30d"))
    assert result.exit_code == 2
    assert result.stdout == (
        f"1 problem elsewhere in the file: streamproc segments lint\n{rules}: no problems\n"
    )


def test_warnings_do_not_fail(rules: Path) -> None:
    result = lint(rules, GOOD.replace('"10:00"', '"22:00"'))
    assert result.exit_code == 0
    assert "warning: step 2 is never asked for" in result.stdout
    assert result.stdout.endswith(f"{rules}: 1 warning in 2 campaigns\n")


@pytest.mark.parametrize("text", ["a: [", "campains: []"])
def test_what_stands_in_no_section_is_told(rules: Path, text: str) -> None:
    result = lint(rules, text)
    assert result.exit_code == 2
    assert result.stdout.startswith(f"{rules}:1:")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = run("lint", str(tmp_path / "rules.yaml"))
    assert result.exit_code == 2
    assert "cannot read the file: No such file or directory" in result.stdout


def test_lint_as_json(rules: Path) -> None:
    found = json.loads(lint(rules, GOOD.replace("most: 1", "most: 0"), "--json").stdout)
    assert (found["file"], found["valid"], found["problems_elsewhere"]) == (str(rules), False, 0)
    assert [problem["section"] for problem in found["problems"]] == ["contact"]
    assert json.loads(lint(rules, GOOD, "--json").stdout)["campaigns"] == ["winback", "nps"]


def test_list(rules: Path) -> None:
    """As it stands in the file, in words; what is a name is no markup."""
    assert run("list", str(rules)).stdout == LISTED


def test_list_without_campaigns(rules: Path) -> None:
    rules.write_text("segments: []\n")
    assert run("list", str(rules)).stdout == "no campaigns\n"


def test_list_as_json(rules: Path) -> None:
    found = json.loads(run("list", str(rules), "--json").stdout)
    assert [campaign["key"] for campaign in found["campaigns"]] == ["winback", "nps"]
    assert found["contact"]["quiet_hours"] == "21:00-08:00"
    assert found["live"] is None


def test_a_file_with_mistakes(rules: Path) -> None:
    rules.write_text(GOOD.replace("recency > 30d", "recenzy > 30d"))
    error = run("list", str(rules)).exception
    assert isinstance(error, StreamprocError)
    assert "unknown feature `recenzy`" in error.message


def live(monkeypatch: pytest.MonkeyPatch, rules: Path, store: MemoryStore) -> list[str]:
    """What is said of now."""
    monkeypatch.setattr(campaigns_rules, "RedisStore", lambda *_, **__: store)
    ran = run("list", str(rules), "--live")
    assert ran.exit_code == 0, ran.exception
    return [
        line.removeprefix("  now        ") for line in ran.stdout.splitlines() if line.startswith("  now ")
    ]


def test_what_runs(monkeypatch: pytest.MonkeyPatch, rules: Path) -> None:
    assert live(monkeypatch, rules, MemoryStore()) == ["no worker of this group has run yet"] * 2
    store = asyncio.run(heads(campaigns=b'{"winback":"live","nps":"dry"}'))
    dry = "dry: decides and counts, publishes nothing"
    assert live(monkeypatch, rules, store) == ["runs", dry]
    asyncio.run(store.set_control("nps", "paused"))
    assert live(monkeypatch, rules, store) == [
        "runs",
        "paused: asks for nothing, steps that are due wait (by streamproc campaigns pause; the file says dry)",
    ]
    store = asyncio.run(heads(campaigns=b'{"winback":"live","other":"live"}', breaker=b"[%d,{}]" % HELD_MS))
    assert live(monkeypatch, rules, store) == [
        "held by the breaker in 1 of 2 shards, since 2026-09-21T14:13:20.000Z: streamproc campaigns release",
        "not in the rules that the workers run on, as far as they have said",
    ]
    shown = run("list", str(rules), "--live").stdout
    assert shown.endswith("in force beside these, but not in this file: other\n")
