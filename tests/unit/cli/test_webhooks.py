"""`streamproc webhooks`: which events are meant, and what the status looks like."""

import io
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from streamproc.cli.webhooks import parse_events, print_status, webhooks_group
from streamproc.errors import StreamprocError


def test_events_are_named_by_their_last_words() -> None:
    assert parse_events("requested") == ["Reactivation Requested"]
    assert parse_events("ended, requested,ended") == ["Reactivation Ended", "Reactivation Requested"]


@pytest.mark.parametrize(("text", "says"), [("", "nothing"), ("opened,requested", "'opened'")])
def test_others_are_refused(text: str, says: str) -> None:
    with pytest.raises(StreamprocError, match=says) as refusal:
        parse_events(text)
    assert refusal.value.fix == "use requested, suppressed, ended, separated by commas"


def printed(**status: Any) -> str:
    shown = {
        "receiver": "example.com",
        "name": None,
        "campaigns": None,
        "disabled": None,
        "waiting": 0,
        "failing": 0,
        "oldest_at": None,
        "next_attempt_at": None,
        "next_to_fail": [],
        "given_up": [],
        **status,
    }
    console = Console(file=io.StringIO(), width=200)
    print_status(console, shown)
    out = console.file
    assert isinstance(out, io.StringIO)
    return out.getvalue()


def test_nothing_waits() -> None:
    assert printed() == "receiver   example.com\nwaiting    0\ngiven up   none\n"


def test_one_of_several_receivers() -> None:
    assert printed(name="crm", campaigns=["win_back", "rescue"]).splitlines()[:2] == [
        "receiver   example.com (crm)",
        "campaigns  win_back, rescue",
    ]


@pytest.mark.parametrize("arguments", [[], ["m1", "--all"], ["--all", "--since", "1d"]])
def test_what_to_send_again_is_said_in_one_way(arguments: list[str]) -> None:
    ran = CliRunner().invoke(webhooks_group, ["resend", *arguments])
    assert isinstance(ran.exception, StreamprocError)
    assert "in one way" in str(ran.exception)


def test_what_waits_and_what_was_given_up() -> None:
    """What customers and receivers wrote is shown without escape codes and markup."""
    message = {"id": "m1", "customer": "a\x1b[31m[red]", "attempts": 2, "last": "HTTP 500: [b]x"}
    shown = printed(
        disabled={"since": "2026-01-01", "answer": "HTTP 410"},
        waiting=1_234,
        failing=1,
        oldest_at="2026-01-02",
        next_attempt_at="2026-01-03",
        next_to_fail=[{**message, "next_attempt_at": "2026-01-03", "ends_at": "2026-01-04"}],
        given_up=[{**message, "last": "", "given_up_at": "2026-01-05", "reason": "expired"}],
    )
    assert shown.splitlines() == [
        "receiver   example.com",
        "disabled   since 2026-01-01: HTTP 410",
        "           streamproc webhooks enable sends again",
        "waiting    1,234, the oldest since 2026-01-02",
        "failing    1",
        "  m1  a�[31m[red]  2 attempts, until 2026-01-04: HTTP 500: [b]x",
        "given up   1 of the newest 1,000: streamproc webhooks resend",
        "  m1  a�[31m[red]  expired at 2026-01-05, 2 attempts: never sent",
    ]
    assert "failing    1, next attempt at 2026-01-03" in printed(failing=1, next_attempt_at="2026-01-03")
