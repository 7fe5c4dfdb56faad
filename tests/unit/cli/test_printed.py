"""What events hold cannot write on the operator's terminal: clear it, colour it, or forge a line."""

import io
import json
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

from streamproc.api.profile import describe_customer
from streamproc.cli import failed, group, publish, validate
from streamproc.cli.failed import print_list, print_refusal
from streamproc.cli.profile import _features_table
from streamproc.cli.story import print_story
from streamproc.contracts.decode import Failure
from streamproc.contracts.failed import FailedEvent, failed_record
from streamproc.contracts.failures import FailureReason
from streamproc.errors import StreamprocError
from streamproc.simulate.screen import changes
from streamproc.simulate.watch import Change
from streamproc.transport.replay import Refusal
from streamproc.windows.panes import DAY_MS
from tests.unit.api.customers import START_MS, customer, definitions_of

EVIL = "\x1b[2Jx\n  forged"
SHOWN = "\ufffd[2Jx\ufffd  forged"
RULES = definitions_of("""
segments:
  - {key: picky, name: Picky, version: 1, enter: favorite_category != "hats" and events_total >= 1}
""")


def console() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=200, color_system=None, highlight=False), out


def check(text: str, times: int) -> None:
    assert text.count(SHOWN) == times, text
    assert "\x1b" not in text
    assert "\n  forged" not in text


def test_a_customers_story() -> None:
    """Its id, its categories, and the comparisons and features that name them."""
    profile = describe_customer(
        customer([(0, {"category": EVIL.encode()})], 1, RULES), RULES, START_MS + DAY_MS
    )
    screen, out = console()
    print_story(screen, {**profile, "customer_id": EVIL}, why=True)
    check(out.getvalue(), 4)
    screen, out = console()
    screen.print(_features_table(profile, RULES.ruleset.features))
    check(out.getvalue(), 1)


def refusal(value: bytes) -> Refusal:
    failure = Failure(position=0, offset=1, reason=FailureReason.NOT_JSON, field=EVIL, message=EVIL)
    record = failed_record(
        failure, topic="events.web", partition=3, key=EVIL.encode(), value=value, timestamp_ms=START_MS
    )
    return Refusal(msgspec.json.decode(record.value, type=FailedEvent).data, START_MS, record.value)


def test_refused_events() -> None:
    """Their key, their field, what is said of it. Only what they held keeps its lines."""
    screen, out = console()
    print_list(screen, [refusal(b"{")], [refusal(b"{")])
    check(out.getvalue(), 2)
    screen, out = console()
    print_refusal(screen, refusal('{\n"a": "\x1b[2J\x9b"'.encode()))
    check(out.getvalue(), 3)
    assert '{\n"a": "\ufffd[2J\ufffd"\n' in out.getvalue()


def test_changes_of_the_demo() -> None:
    change = Change("2026-03-01T12:00:00.000Z", 1, EVIL, "entered", EVIL, "event", EVIL)
    assert changes([change], with_year=True).plain.count(SHOWN) == 3


def test_lines_that_are_bad() -> None:
    """As `publish` and `validate` name them."""
    screen, out = console()
    failure = Failure(position=0, offset=1, reason=FailureReason.NOT_JSON, field=EVIL, message=EVIL)
    validate._print_failure(screen, failure, "events.jsonl", False)
    check(out.getvalue(), 2)

    @click.command()
    def report() -> None:
        problem: Any = publish.Problem(1, "not_json", EVIL, EVIL)
        publish._report(publish.Tally(refused=1, problems=[problem]), "events.jsonl", False)

    check(CliRunner().invoke(report).stderr, 2)


def test_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it said, in signs that are no escape codes."""
    evil = "\x9b2J\x7f"
    one = refusal(evil.encode())
    monkeypatch.setattr(failed, "_read", lambda _: [one])
    shown = CliRunner().invoke(failed.failed_group, ["show", one.data.id, "--json"]).stdout
    listed = CliRunner().invoke(failed.failed_group, ["list", "--json"]).stdout
    assert json.loads(shown) == json.loads(one.envelope)
    assert json.loads(listed)[0]["key"] == EVIL
    screen, out = console()
    failure = Failure(position=0, offset=1, reason=FailureReason.NOT_JSON, field=evil, message=evil)
    validate._print_failure(screen, failure, "events.jsonl", True)
    assert json.loads(out.getvalue())["field"] == evil

    @click.command()
    def report() -> None:
        publish._report(publish.Tally(refused=1, problems=[publish.Problem(1, "", evil, evil)]), "", True)

    reported = CliRunner().invoke(report).stdout
    assert json.loads(reported)["problems"][0]["field"] == evil
    for text in (shown, listed, out.getvalue(), reported):
        assert not {"\x9b", "\x7f", "\x1b"} & set(text)


def test_errors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """They have lines of their own, and no more."""

    def fail(**_: object) -> None:
        raise StreamprocError("one\n\x1b[2Jtwo", fix="\x1b[2Jthree")

    monkeypatch.setattr(group.group, "main", fail)
    with pytest.raises(SystemExit, match="2"):
        group.main()
    assert capsys.readouterr().err == "error: one\n\ufffd[2Jtwo\nfix:   \ufffd[2Jthree\n"
