"""`streamproc campaigns report` on files: figures, JSON, mistakes. Topics: tests/integration/test_cli_campaigns.py."""

import json
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from streamproc.cli.campaigns import campaigns_group
from streamproc.cli.campaigns_figures import show
from streamproc.errors import StreamprocError
from streamproc.experiments.journeys import Journeys
from streamproc.experiments.lines import action_value
from streamproc.experiments.report import report
from tests.unit.experiments.signals import (
    DAY_MS,
    RULES,
    START_MS,
    Experiment,
    asked,
    ended,
    held,
    rescue,
    suppressed,
)


def line(value: bytes, topic: str = "actions.reactivation") -> bytes:
    """As `backtest --signals` writes it."""
    record = {"topic": topic, "key": "u-1", "headers": {"ce_id": "0"}, "value": orjson.Fragment(value)}
    return orjson.dumps(record) + b"\n"


def run(*arguments: object, stdin: bytes = b"") -> Result:
    env = {"STREAMPROC_RULES": None, "STREAMPROC_RULES_FILE": None}
    return CliRunner(env=env).invoke(campaigns_group, ["report", *map(str, arguments)], input=stdin)


def written(path: Path, values: Iterable[bytes]) -> Path:
    path.write_bytes(b"".join(map(line, values)))
    return path


def as_json(*arguments: object) -> Any:
    ran = run(*arguments, "--json")
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def signals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one campaign with two variants, of which one brings much, and of one without a control group."""
    variants = (("short", 1), ("long", 1))
    experiment = Experiment(rescue(holdout=0.3, variants=variants), 0.2, {"short": 0.0, "long": 0.1}, 6_000)
    values = [*experiment.signals(1), asked("w-1", campaign="winback")]
    values.append(suppressed("w-2", "no_consent", campaign="winback"))
    return written(tmp_path_factory.mktemp("signals") / "signals.jsonl", values)


def test_rates_lift_and_the_claim(signals: Path) -> None:
    """A table for each campaign, and under it what may be said; nothing is wider than a terminal."""
    shown = run(signals).stdout
    rescued, winback = shown.split("\n\n")
    rows = {cells[0]: cells[1:] for cells in map(str.split, rescued.splitlines()) if cells}
    assert rows["rescue"] == []
    assert [rows[arm][3][-1] for arm in ("control", "asked", "long", "short")] == ["%"] * 4
    assert float(rows["long"][5]) > float(rows["asked"][5]) > float(rows["short"][5])
    text = " ".join(rescued.split())
    assert "of those asked came back in time" in text
    assert "of variant long came back in time" in text
    assert "of variant short" not in text
    assert "97.5% each" in text
    assert "No claim: nobody was held out" in winback
    assert "1 no_consent" in winback
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("is_terminal", [True, False])
def test_nothing_is_cut_where_there_is_little_room(signals: Path, is_terminal: bool) -> None:
    """Neither arms nor figures: a terminal breaks lines, a pipe takes them as they are."""
    journeys = Journeys()
    journeys.add(map(action_value, signals.read_bytes().splitlines()))
    out = StringIO()
    console = Console(file=out, width=40, force_terminal=is_terminal, color_system=None, highlight=False)
    show(console, [report(own, None) for own in journeys.counts()][:1])
    shown = out.getvalue()
    assert "\u2026" not in shown
    rows = {cells[0]: cells[1:] for cells in map(str.split, shown.splitlines()) if cells}
    assert [len(rows[arm]) for arm in ("control", "asked", "long", "short")] == [5, 9, 9, 9]


def test_json_has_the_same_figures(signals: Path) -> None:
    """Rates and lift as shares."""
    whole = as_json(signals)
    assert (whole["signals"], whole["left_out"]) == (12_002, 0)
    rescued, winback = whole["campaigns"]
    assert (rescued["campaign"], rescued["goal"], rescued["verdict"]) == ("rescue", "activity", "higher")
    assert (winback["goal"], winback["verdict"]) == (None, "no_holdout")
    main, long, short = rescued["comparisons"]
    assert [own["variant"] for own in (main, long, short)] == [None, "long", "short"]
    assert [own["claim"] for own in (main, long, short)] == [True, True, False]
    assert main["lift"] == pytest.approx(main["treated"]["rate"] - main["control"]["rate"])
    assert main["interval"][0] < main["lift"] < main["interval"][1]
    assert (main["confidence"], long["confidence"]) == (0.95, 0.975)
    assert main["needed"]["control"] < main["control"]["over"]
    over = sum(own["over"] for own in rescued["arms"] if own["holdout"])
    assert over == main["control"]["over"] == long["control"]["over"]
    assert main["sentence"].startswith(f"{100 * main['treated']['rate']:.1f}% of those asked")
    (arm,) = winback["arms"]
    assert arm == {
        "variant": None,
        "holdout": False,
        "customers": 1,
        "over": 0,
        "converted": 0,
        "rate": None,
        "interval": None,
        "entries": 1,
        "entries_ended": 0,
        "requests": 1,
        "suppressed": {"no_consent": 1},
    }


def test_several_files_pipes_and_values_alone(signals: Path, tmp_path: Path) -> None:
    """Repeats count once; lines of other topics are passed over, prefixes too; blank lines are nothing."""
    once = as_json(signals)["campaigns"]
    other = tmp_path / "other.jsonl"
    lines = signals.read_bytes().splitlines(keepends=True)
    other.write_bytes(
        line(b'{"event":"Audience Entered"}', "segments.changes")
        + b"\n"
        + orjson.dumps(orjson.loads(lines[0])["value"])
        + b"\n"
        + lines[1].replace(b'"actions.', b'"acme.actions.')
    )
    assert as_json(other)["signals"] == 2
    assert as_json(signals, other)["campaigns"] == once
    piped = run("-", "--json", stdin=signals.read_bytes())
    assert json.loads(piped.stdout)["campaigns"] == once


def test_one_campaign(signals: Path) -> None:
    """A name that is nearly right is told."""
    assert [own["campaign"] for own in as_json(signals, "--campaign", "winback")["campaigns"]] == ["winback"]
    ran = run(signals, "--campaign", "rescu")
    assert isinstance(ran.exception, StreamprocError)
    assert ran.exception.fix == "did you mean rescue?"
    ran = run(signals, "--campaign", "x")
    assert isinstance(ran.exception, StreamprocError)
    assert ran.exception.fix == "there are: rescue, winback"


def test_since_and_effect(tmp_path: Path) -> None:
    later_ms = START_MS + 40 * DAY_MS
    values = [held("c"), ended("c", "not_converted", holdout=True), held("d", at_ms=later_ms)]
    path = written(tmp_path / "signals.jsonl", [*values, asked("a"), asked("b", at_ms=later_ms)])
    (own,) = as_json(path, "--since", "2026-03-20", "--effect", 2.5)["campaigns"]
    assert [arm["customers"] for arm in own["arms"]] == [1, 1]
    assert own["comparisons"][0]["effect"] == 0.025
    (own,) = as_json(path)["campaigns"]
    assert [arm["customers"] for arm in own["arms"]] == [2, 2]
    assert run(path).stdout.endswith("4 entries asked or held out, 2 requests\n")
    last = " ".join(run(path, "--since", "2026-03-20").stdout.split())
    assert last.endswith(
        "2 entries asked or held out since 2026-03-20T00:00:00.000Z; of all that was read: 2 requests"
    )


def test_arms_are_checked_by_the_rules(signals: Path, tmp_path: Path) -> None:
    """With other shares than the rules', nothing is claimed; a campaign that they do not know says so."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    rescued, winback = as_json(signals, "--rules", rules)["campaigns"]
    holdout, variants = rescued["checks"]
    assert holdout["expected"] == pytest.approx({"control": 0.3, "treated": 0.7})
    assert holdout["customers"] == {
        "control": rescued["comparisons"][0]["control"]["over"],
        "treated": rescued["comparisons"][0]["treated"]["over"],
    }
    assert (holdout["mismatch"], variants["mismatch"]) == (False, False)
    assert (rescued["verdict"], winback["checks"]) == ("higher", [])
    assert "do not know this campaign" not in run(signals, "--rules", rules).stdout
    assert "do not know this campaign" in run(signals).stdout

    rules.write_text(RULES.replace("holdout: 30%", "holdout: 25%"))
    assert as_json(signals, "--rules", rules)["campaigns"][0]["verdict"] == "arms_mismatch"
    shown = " ".join(run(signals, "--rules", rules).stdout.split())
    assert "No claim: the arms are not as they should be." in shown
    assert "of customers instead of 25.0%" in shown


def test_rules_that_cannot_be_read(signals: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.replace("30%", "300%"))
    ran = run(signals, "--rules", rules)
    assert isinstance(ran.exception, StreamprocError)
    assert "holdout" in ran.exception.message


def test_warnings_are_told(tmp_path: Path) -> None:
    """Of entries without an end, and of those whose beginning is gone."""
    values = [held("c"), ended("c", "not_converted", holdout=True), asked("a"), ended("b", "not_converted")]
    shown = " ".join(run(written(tmp_path / "signals.jsonl", values)).stdout.split())
    assert "warning: entries without an end, though their window is over: 1." in shown
    assert "began before the first signal that was read: 1" in shown


def test_a_name_from_outside_cannot_move_the_cursor(tmp_path: Path) -> None:
    """Nor be markup."""
    path = written(tmp_path / "signals.jsonl", [asked("a", campaign="[red]\x1b[2J")])
    shown = run(path).stdout
    assert "\x1b" not in shown
    assert "[red]" in shown


@pytest.mark.parametrize(
    ("content", "message", "fix"),
    [
        (b"", "there is no signal of a campaign", "streamproc backtest rules.yaml"),
        (b"\n[1]\n", "signals.jsonl:2: the line is no JSON object", "one signal a line"),
        (b"nothing\n", "signals.jsonl:1: the line is no JSON object", "one signal a line"),
        (b'{"type":"track"}\n', "there is no signal of a campaign", "--signals"),
        (line(b"null"), "there is no signal of a campaign", "--signals"),
    ],
)
def test_files_without_signals(tmp_path: Path, content: bytes, message: str, fix: str) -> None:
    """What is wrong with them, and how to make some."""
    path = tmp_path / "signals.jsonl"
    path.write_bytes(content)
    ran = run(path)
    assert isinstance(ran.exception, StreamprocError)
    assert message in ran.exception.message
    assert fix in ran.exception.fix


def test_lines_that_are_left_out_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "signals.jsonl"
    path.write_bytes(line(asked("a")) + line(b'{"event":"Reactivation Requested"}'))
    ran = run(path)
    assert ran.exit_code == 0
    assert "left out, no signals of a campaign's entry: 1" in ran.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["--live", "{signals}"], ["{signals}", "--effect", "0"], ["missing"]]
)
def test_mistakes_in_the_call(signals: Path, arguments: list[str]) -> None:
    assert run(*(argument.format(signals=signals) for argument in arguments)).exit_code == 2
