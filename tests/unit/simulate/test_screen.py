"""The demo's dashboard."""

import pytest
from rich.console import Console

from streamproc.contracts import samples
from streamproc.simulate.history import History, HistoryEvent
from streamproc.simulate.screen import View, dashboard, figures, progress_line, refused, story
from streamproc.simulate.watch import Change, Tally

DAY_MS = 86_400_000
HISTORY = History(
    "test",
    "A history [with brackets] and a description that is longer than any terminal is wide " * 3,
    (),
    [HistoryEvent(0, "events.web", "ada", b"{}"), HistoryEvent(10 * DAY_MS, "events.web", "ada", b"{}")],
)


def full_tally() -> Tally:
    """More than fits anywhere."""
    tally = Tally()
    for records in samples.records().values():
        for record in records:
            tally.add(record.topic, record.value)
    for number in range(40):
        tally.sizes[f"segment_with_a_long_name_{number}"] = 10**number % 1_000_003
        tally.actions["requested", f"campaign_with_a_long_name_{number}", ""] = number
        tally.actions["suppressed", f"campaign_with_a_long_name_{number}", "no_consent"] = number
        tally.actions["ended", f"campaign_with_a_long_name_{number}", "not_converted"] = number
        tally.latest.append(
            Change(
                "2026-03-01T12:00:00.000Z",
                number,
                f"[b]customer-{number}",
                "entered",
                "new",
                "time",
                "x" * 200,
            )
        )
    return tally


def rendered(view: View, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(dashboard(view, width, height))
    return capture.get().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 40), (200, 60)])
@pytest.mark.parametrize("tally", [Tally(), full_tally()], ids=["empty", "full"])
def test_it_fits_the_terminal(width: int, height: int, tally: Tally) -> None:
    """All lines, and no line too long, whatever there is to show."""
    view = View(HISTORY, "x" * 300, 12.0, 5 * DAY_MS, 1_234_567, 98_765.4, tally)
    lines = rendered(view, width, height)
    assert len(lines) == height
    assert max(map(len, lines)) <= width


def test_it_shows_what_matters() -> None:
    """Time, events, signals, segments, bands, actions, and the latest change with its reason."""
    tally = Tally()
    for records in samples.records().values():
        for record in records:
            tally.add(record.topic, record.value)
    text = "\n".join(rendered(View(HISTORY, "running", 3, 5 * DAY_MS, 1, 7.0, tally), 120, 40))
    for part in (
        "06 Jan 1970",
        "1 of 2 events",
        "7/s",
        "6 signals, 67% out of silence",
        "dormant",
        "high",
        "✗ no consent",
        "ends     win_back",
        "enters   dormant",
        "recency 14d ≥ 14d",
        "[with brackets]",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("time_ms", "done"), [(None, 0.0), (-5, 0.0), (0, 0.0), (HISTORY.until_ms, 1.0), (10**15, 1.0)]
)
def test_the_part_that_is_done(time_ms: int | None, done: float) -> None:
    """From the first event to the end of the silence."""
    assert View(HISTORY, time_ms=time_ms).done == done


def test_a_story_says_a_day_once() -> None:
    """The changes of one day stand together."""
    changes = [
        Change(f"2026-03-0{day}T12:00:00.000Z", version, "ada", "risk", "high", "event", "why")
        for version, day in enumerate((1, 1, 2))
    ]
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(story(changes))
    assert [line[:10].strip() for line in capture.get().splitlines()] == ["2026-03-01", "", "2026-03-02"]


def test_refused_events_are_explained() -> None:
    """By reason, with its meaning."""
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(refused({"not_utf8": 3}))
    assert capture.get().split() == ["3", "not_utf8", "the", "value", "is", "not", "UTF-8"]


def test_progress_in_a_line() -> None:
    """For logs: one line, even before anything has happened."""
    assert "not started" in progress_line(View(HISTORY))
    line = progress_line(View(HISTORY, "", 3, 5 * DAY_MS, 1, 7.0, full_tally()))
    assert "\n" not in line
    assert "1970-01-06" in line
    assert "dormant=1" in line


def test_the_largest_segments_are_shown_in_their_order() -> None:
    tally = Tally()
    for number in range(40):
        tally.sizes[f"segment_{number:02}"] = number
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(figures(tally))
    text = capture.get()
    assert "largest segments" in text
    assert [f"segment_{number:02}" in text for number in (0, 30, 31, 39)] == [False, False, True, True]
    assert text.index("segment_31") < text.index("segment_39")
