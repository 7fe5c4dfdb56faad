"""When the next attempt is made, and what an answer means."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.settings import Settings
from streamproc.sinks.webhook.schedule import (
    RESULTS,
    Answer,
    answer_of,
    next_attempt_ms,
    parse_retry_after,
    pause_ms,
)

NOW_MS = 1_780_272_000_000
HOUR_MS = 3_600_000
PAGE = (Path(__file__).parents[4] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def test_pauses_triple_up_to_four_hours() -> None:
    pauses = [pause_ms(attempts, 5_000) for attempts in range(1, 11)]
    assert pauses[:4] == [5_000, 15_000, 45_000, 135_000]
    assert pauses[-2:] == [4 * HOUR_MS, 4 * HOUR_MS]
    assert pause_ms(10**6, 1) == 4 * HOUR_MS


def test_the_documented_schedule_is_that_of_the_defaults() -> None:
    """Pauses and times since the first attempt, without chance, as long as the patience."""
    settings = Settings()
    rows = re.findall(r"^\| (\d+) \| (\S+) \| (\S+) \|$", PAGE, re.MULTILINE)
    since_ms, expected = 0, [("1", "0:00:00", "0:00:00")]
    while True:
        pause = pause_ms(len(expected), settings.webhook_pause_ms)
        since_ms += pause
        if since_ms >= settings.webhook_patience_ms:
            break
        expected.append((str(len(expected) + 1), clock(pause), clock(since_ms)))
    assert rows == expected


def clock(ms: int) -> str:
    """`1:00:45`."""
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True), st.integers(0, 24 * HOUR_MS))
def test_chance_moves_an_attempt_by_a_fifth(attempts: int, chance: float, wish_ms: int) -> None:
    """And never before the receiver's wish."""
    answer = Answer("5xx", "HTTP 503", 503, wish_ms)
    wait_ms = next_attempt_ms(attempts, answer, NOW_MS, first_ms=5_000, chance=chance) - NOW_MS
    pause = pause_ms(attempts, 5_000)
    assert wait_ms >= wish_ms
    assert wait_ms >= 0.8 * pause - 1
    assert wait_ms <= max(1.2 * pause, wish_ms)


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        (None, 0),
        ("120", 120_000),
        (" 7 ", 7_000),
        ("999999999", 24 * HOUR_MS),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("", 0),
        ("Mon, 99 Foo 2026 00:00:00 GMT", 0),
        ("9" * 5_000, 0),
        (format_datetime(datetime.fromtimestamp(NOW_MS / 1000 + 90, UTC), usegmt=True), 90_000),
        (format_datetime(datetime.fromtimestamp(NOW_MS / 1000 - 90, UTC), usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 24 * HOUR_MS),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(text: str | None, expected_ms: int) -> None:
    assert parse_retry_after(text, NOW_MS) == expected_ms


@given(st.text(st.sampled_from("0123456789 :,+-GMTJanMonFebé."), max_size=40))
def test_no_wish_is_an_error(text: str) -> None:
    assert 0 <= parse_retry_after(text, NOW_MS) <= 24 * HOUR_MS


@pytest.mark.parametrize(
    ("status", "result", "ill"),
    [
        (200, "2xx", False),
        (204, "2xx", False),
        (101, "1xx", True),
        (302, "3xx", False),
        (400, "4xx", False),
        (404, "4xx", False),
        (410, "gone", True),
        (429, "4xx", True),
        (500, "5xx", True),
        (503, "5xx", True),
        (999, "5xx", True),
    ],
)
def test_what_a_status_means(status: int, result: str, ill: bool) -> None:
    """Only 2xx is a delivery; `ill` slows down all messages, not just this one."""
    answer = answer_of(status, "30", "", NOW_MS)
    assert answer.result == result
    assert answer.result in RESULTS
    assert answer.delivered == (result == "2xx")
    assert answer.ill is ill
    assert answer.pause_all_ms == (30_000 if status in (429, 503) else 0)
