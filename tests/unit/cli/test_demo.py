"""`streamproc demo`, without running it. The rest: tests/integration/test_cli_demo.py."""

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from streamproc.cli import demo
from streamproc.cli.demo import demo_command
from streamproc.errors import StreamprocError
from streamproc.simulate.history import History, HistoryEvent
from streamproc.simulate.screen import View
from streamproc.simulate.watch import Change, Tally

DAY_MS = 86_400_000
HISTORY = History(
    "test",
    "About it.",
    (),
    [
        HistoryEvent(day * DAY_MS, "events.web", customer, b"{}")
        for day, customer in enumerate(["ada", "bob", "ada"])
    ],
)


def printed(function: object, *arguments: object) -> str:
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        function(console, *arguments)  # type: ignore[operator]
    return capture.get()


def test_other_data_is_refused() -> None:
    """Exit code 2, with the choices."""
    result = CliRunner().invoke(demo_command, ["--data", "northwind"])
    assert result.exit_code == 2
    assert "'ecom', 'cdnow', 'cdnow-full'" in result.stderr


def test_servers_of_ones_own_that_do_not_answer() -> None:
    """Said as such, after the history has been read."""
    result = CliRunner().invoke(demo_command, ["--external"], env={"STREAMPROC_KAFKA": "127.0.0.1:1"})
    with pytest.raises(StreamprocError, match="no Kafka broker answers"):
        raise result.exception or AssertionError


def test_the_summary() -> None:
    """How much came in and out, how much of it out of silence, one story, and what was refused."""
    tally = Tally(signals=4)
    tally.causes.update({"time": 3, "event": 1})
    tally.sizes["dormant"] = 2
    tally.refused["not_utf8"] = 1
    tally.stories["ada"] = [Change("1970-01-02T00:00:00.000Z", 1, "ada", "entered", "dormant", "time", "why")]
    text = printed(demo.print_summary, View(HISTORY, applied=3, tally=tally))
    for part in (
        "3 events of 2 customers led to 4 signals, 75% of them out of silence",
        "dormant 2",
        "One customer's story  ada",
        "1970-01-02 silence enters   dormant why",
        "1 events refused",
        "not_utf8",
    ):
        assert part in " ".join(text.split("  ")) or part in text, part


def test_the_summary_of_nothing() -> None:
    """A history that leads to no signals has no story."""
    text = printed(demo.print_summary, View(HISTORY))
    assert "0 signals" in text
    assert "story" not in text


def test_the_commands_can_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """They name the program as it can be called here, and the customer of the story."""
    tally = Tally()
    tally.stories["ada"] = [Change("1970-01-02T00:00:00.000Z", 1, "ada", "entered", "new", "event", "why")]
    monkeypatch.setattr(demo.shutil, "which", lambda name: f"/usr/bin/{name}")
    text = printed(demo.print_commands, "export A=1", View(HISTORY, tally=tally))
    assert text.splitlines()[1:] == [
        "Look deeper",
        "  export A=1",
        "  streamproc profile show ada --why",
        "  streamproc failed list",
        "  streamproc topics list",
    ]


def test_a_program_that_is_not_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is next to this Python: named from here if it is below, else in full."""
    monkeypatch.setattr(demo.shutil, "which", lambda name: None)
    folder = Path(sys.executable).parent
    monkeypatch.chdir(folder.parent)
    assert demo.program() == os.path.join(folder.name, "streamproc")
    monkeypatch.chdir("/")
    assert demo.program() == os.path.relpath(folder / "streamproc", "/")
