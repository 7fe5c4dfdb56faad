"""`streamproc campaigns simulate`: tables and JSON, as the signals of a backtest have it; mistakes in words."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streamproc.cli.backtest import backtest_command
from streamproc.cli.campaigns import campaigns_group
from streamproc.errors import StreamprocError
from tests.unit.backtest.test_lives import BUDGETS, restless

#: Else each shard would have its share of a budget, and some could not use it up.
ONE = ("--partitions", "1")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """One that is dry besides, and has variants."""
    path = tmp_path / "rules.yaml"
    path.write_text(
        BUDGETS.replace("priority: 9", "priority: 9, mode: dry, variants: {short: 1, long: 1}, holdout: 20%")
    )
    return path


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_bytes(
        b"".join(b'{"topic":"%b","value":%b}\n' % (topic.encode(), value) for topic, value in restless(3))
    )
    return path


def simulate(*arguments: object) -> Result:
    return CliRunner().invoke(campaigns_group, ["simulate", *map(str, arguments)])


def by_key(*arguments: object) -> dict[str, dict[str, Any]]:
    ran = simulate(*arguments, "--json")
    assert ran.exit_code == 0, ran.exception
    return {campaign["key"]: campaign for campaign in json.loads(ran.stdout)["campaigns"]}


def signals(rules: Path, history: Path) -> list[dict[str, Any]]:
    """Those of `actions.reactivation` that a backtest writes."""
    path = history.with_name("signals.jsonl")
    ran = CliRunner().invoke(backtest_command, [str(rules), str(history), *ONE, "--signals", str(path)])
    assert ran.exit_code == 0, ran.exception
    lines = map(json.loads, path.read_text().splitlines())
    return [line["value"] for line in lines if line["topic"] == "actions.reactivation"]


def test_the_figures_are_those_of_the_signals(rules: Path, history: Path) -> None:
    """Once all campaigns are live."""
    rules.write_text(rules.read_text().replace("mode: dry", "mode: live"))
    published, found = signals(rules, history), by_key(rules, history, *ONE)
    assert list(found) == ["miss", "visit", "free"]
    for key, campaign in found.items():
        own = [one["properties"] for one in published if one["properties"]["campaign"] == key]
        asked = [one for one in own if one["outcome"] is None and one["abort_type"] is None]
        assert campaign["requested"] == len(asked) > 0
        assert campaign["suppressed"] == Counter(one["abort_type"] for one in own if one["abort_type"])
        assert campaign["ended"] == Counter(one["outcome"] for one in own if one["outcome"])
        steps = {(each["step"], each["channel"]): each["requested"] for each in campaign["requested_by_step"]}
        assert steps == Counter((one["step"], one["channel"]) for one in asked)
        closed = sum(one["closes"] for one in own)
        assert campaign["entries"] == closed + campaign["waiting"] + campaign["under_way"]
        arms = {(each["variant"], each["holdout"]): each for each in campaign["arms"]}
        converted = Counter((one["variant"], one["holdout"]) for one in own if one["outcome"] == "converted")
        assert {arm: each["converted"] for arm, each in arms.items() if each["converted"]} == converted
        entries = {(one["variant"], one["holdout"], one["entry"]) for one in asked}
        assert sum(each["entries"] for arm, each in arms.items() if not arm[1]) >= len(entries)
    assert {arm["variant"] for arm in found["free"]["arms"]} == {"short", "long"}
    assert found["miss"]["most_a_day"] == found["miss"]["budget"] == 5
    assert found["free"]["budget"] is None
    busiest = Counter(
        one["timestamp"][:10]
        for one in published
        if one["properties"]["campaign"] == "free" and one["event"] == "Reactivation Requested"
    )
    assert found["free"]["most_a_day"] == max(busiest.values())
    assert busiest[found["free"]["busiest_day"]] == max(busiest.values())


def test_one_that_is_dry_is_tried_as_if_it_were_live(rules: Path, history: Path) -> None:
    """And said to be."""
    assert by_key(rules, history)["free"]["requested"] > 0
    assert by_key(rules, history)["free"]["mode"] == "dry"
    assert "tried as if they were live: free (dry)\n" in simulate(rules, history).stdout
    whole = json.loads(CliRunner().invoke(backtest_command, [str(rules), str(history), "--json"]).stdout)
    assert [one["requested"] for one in whole["campaigns"] if one["key"] == "free"] == [0]


def test_the_tables(rules: Path, history: Path) -> None:
    """Say what the JSON does."""
    found, shown = by_key(rules, history, *ONE), simulate(rules, history, *ONE).stdout
    first, *_ = shown.splitlines()
    assert first.startswith("340 events, until ")
    tables = {block.splitlines()[0]: block.splitlines()[1:] for block in shown.split("\n\n")[1:]}
    assert list(tables) == [
        "Campaigns", "Campaigns, refused at their gates", "Requests by step", "Arms", "The busiest day",
    ]  # fmt: skip
    cells = {line.split()[0]: line.split()[1:] for line in tables["Campaigns"][2:]}
    for key, campaign in found.items():
        held_out = campaign["suppressed"].get("holdout", 0)
        refused = sum(campaign["suppressed"].values()) - held_out
        assert [int(cell.replace(",", "")) for cell in cells[key][:5]] == [
            campaign["entries"], campaign["requested"], campaign["customers"], held_out, refused,
        ]  # fmt: skip
    assert "budget" in tables["Campaigns, refused at their gates"][-4]
    busiest = {line.split()[0]: line.split()[1:] for line in tables["The busiest day"][2:]}
    assert busiest["miss"] == [
        "5", found["miss"]["busiest_day"], "5", str(found["miss"]["suppressed"]["budget"]),
    ]  # fmt: skip
    assert [line.split()[:3] for line in tables["Arms"] if line.startswith("free")] == [
        ["free", "long,", "asked"], ["free", "short,", "asked"], ["free", "long,", "control"],
        ["free", "short,", "control"],
    ]  # fmt: skip
    # Of a campaign without a goal nobody converts, and nobody fails to.
    assert [line.split() for line in tables["Arms"] if line.startswith("miss")] == [
        ["miss", "control" if arm["holdout"] else "asked", str(arm["entries"])]
        for arm in found["miss"]["arms"]
    ]


def test_what_expired_steps_waited_for(tmp_path: Path, history: Path) -> None:
    """A step whose hour comes too late."""
    path = tmp_path / "late.yaml"
    path.write_text(
        "campaigns:\n  - {key: late, name: Late, version: 1, on: inactive 2d, reentry: never, channel: email,"
        " reason: r, at: '10:00', expires_after: 1h}\n"
    )
    found = by_key(path, history)["late"]
    assert found["expired_waiting_for"] == {"slot": found["suppressed"]["expired"]}
    assert f"expired waiting for: slot {found['suppressed']['expired']}" in simulate(path, history).stdout


def test_the_same_figures_by_partitions_where_no_budget_is(rules: Path, history: Path) -> None:
    """A share of a budget is each partition's own."""
    few, many = by_key(rules, history, "--partitions", "1"), by_key(rules, history, "--partitions", "50")
    assert few["free"] == many["free"]
    assert max(few["miss"]["requested_by_day"].values()) <= 5
    assert many["miss"]["requested"] < few["miss"]["requested"]


def test_rules_without_campaigns(tmp_path: Path, history: Path) -> None:
    path = tmp_path / "none.yaml"
    path.write_text("segments: []\n")
    error = simulate(path, history).exception
    assert isinstance(error, StreamprocError)
    assert (error.message, error.fix) == (
        "none.yaml has no campaigns", "add some: docs/rules.md, section Campaigns",
    )  # fmt: skip


def test_mistakes_in_the_call(rules: Path, tmp_path: Path) -> None:
    ran = simulate(rules)
    assert ran.exit_code == 2
    assert "give files of events, or a published history with --data" in " ".join(ran.stderr.split())
    nothing = tmp_path / "nothing.jsonl"
    nothing.write_text("{}\n")
    ran = simulate(rules, nothing)
    assert isinstance(ran.exception, StreamprocError)
    assert "no line is an event that is accepted" in ran.exception.message
    assert f"{nothing}:1" in ran.stderr
