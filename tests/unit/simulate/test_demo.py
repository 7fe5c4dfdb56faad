"""Where a demo takes place, and how often it is drawn."""

from pathlib import Path

import pytest
from rich.console import Console

from streamproc.simulate import demo
from streamproc.simulate.demo import Place, showing
from streamproc.simulate.history import History, HistoryEvent
from streamproc.simulate.screen import View
from streamproc.transport.brokers import Brokers

HISTORY = History("test", "About it.", (), [HistoryEvent(0, "events.web", "ada", b"{}")])


def test_a_demo_is_not_disturbed_by_the_users_own_settings() -> None:
    """An empty prefix is said, too: the user's environment may have another."""
    place = Place(Brokers("k:1"), "redis://r:2/0", "", "streamproc", 3, Path(), embedded=True)
    assert place.variables == {
        "STREAMPROC_KAFKA": "k:1",
        "STREAMPROC_REDIS": "redis://r:2/0",
        "STREAMPROC_TOPIC_PREFIX": "",
        "STREAMPROC_GROUP": "streamproc",
        "STREAMPROC_CLOCK": "event",
    }
    assert place.metrics_url == "http://127.0.0.1:3/metrics"


def test_a_demo_with_servers_of_its_own_needs_no_way_into_others() -> None:
    """What the user has set for Kafka and Redis is left out, also where a file holds it."""
    environment = {
        "STREAMPROC_KAFKA_SECURITY": "ssl",
        "STREAMPROC_KAFKA_PASSWORD_FILE": "/secret",
        "STREAMPROC_REDIS_FILE": "/url",
        "STREAMPROC_GROUP_FILE": "/group",
        "STREAMPROC_RULES": "rules.yaml",
        "PATH": "/bin",
    }
    embedded = Place(Brokers("k:1"), "redis://r:2/0", "", "streamproc", 3, Path(), embedded=True)
    kept = demo.inherited(embedded, environment, embedded.variables)
    assert kept == {"STREAMPROC_RULES": "rules.yaml", "PATH": "/bin"}
    external = Place(Brokers("k:1"), "redis://:hush@r:2/0", "", "streamproc", 3, Path(), embedded=False)
    kept = demo.inherited(external, environment, external.variables)
    assert set(environment) - set(kept) == {"STREAMPROC_GROUP_FILE"}
    assert "hush" not in f"{external} {external.variables}"


def test_without_a_terminal_there_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one for each look."""
    now_s = 100.0
    monkeypatch.setattr(demo, "monotonic_s", lambda: now_s)
    console = Console(width=80, color_system=None, force_terminal=False)
    with console.capture() as capture, showing(console, View(HISTORY)) as show:
        for _ in range(21):
            show()
            now_s += 0.5
    assert len(capture.get().splitlines()) == 3


def test_on_a_terminal_there_is_a_dashboard(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a screen of its own, which is gone at the end."""
    monkeypatch.setenv("TERM", "xterm")
    console = Console(width=80, height=24, force_terminal=True)
    with console.capture() as capture, showing(console, View(HISTORY)) as show:
        show()
    text = capture.get()
    assert "churn risk" in text
    assert text.index("\x1b[?1049h") < text.index("churn risk") < text.index("\x1b[?1049l")
