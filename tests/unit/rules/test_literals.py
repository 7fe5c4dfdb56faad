"""Durations, money, counts and times of the day, to and from text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.rules.literals import (
    MAX_DURATION_MS,
    LiteralError,
    format_duration,
    format_minute,
    format_money,
    parse_duration,
    parse_minute,
    parse_money,
)

DURATIONS_S = {
    "0s": 0,
    "90s": 90,
    "5m": 300,
    "1h": 3_600,
    "14d": 1_209_600,
    "2w": 1_209_600,
    "1d12h": 129_600,
    "1w1d1h1m1s": 694_861,
}


@pytest.mark.parametrize("text", DURATIONS_S)
def test_durations_are_read(text: str) -> None:
    """One or several units, the longest first."""
    assert parse_duration(text) == DURATIONS_S[text] * 1_000


@pytest.mark.parametrize(
    "text", ["", "d", "5", "5x", "-5d", "5 d", "5D", "1h1d", "1d1d", "1.5h", "5d ", "\u0665d"]
)
def test_other_texts_are_no_durations(text: str) -> None:
    """Each is refused with a hint."""
    with pytest.raises(LiteralError) as caught:
        parse_duration(text)
    assert caught.value.hint


@given(st.integers(0, MAX_DURATION_MS // 1_000))
def test_a_duration_is_read_as_it_is_written(seconds: int) -> None:
    """format_duration and parse_duration are inverse for whole seconds."""
    assert parse_duration(format_duration(seconds * 1_000)) == seconds * 1_000


@given(st.integers(0, 10**15))
def test_money_is_read_as_it_is_written(micros: int) -> None:
    """format_money and parse_money are inverse, to the millionth."""
    assert parse_money(format_money(micros)) == micros


@given(st.integers(0, 24 * 60 - 1))
def test_a_time_is_read_as_it_is_written(minute: int) -> None:
    assert parse_minute(format_minute(minute)) == minute


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "08:00"),
        ("21", "08:00"),
        ("9pm", "08:00"),
        ("09:5", "08:00"),
        ("21:00:00", "08:00"),
        ("9:05", "write `09:05`"),
        ("24:00", "midnight is `00:00`"),
        ("24:01", "23:59"),
        ("12:60", "23:59"),
        ("\u0661\u0662:00", "08:00"),
    ],
)
def test_other_texts_are_no_times(text: str, hint: str) -> None:
    with pytest.raises(LiteralError) as caught:
        parse_minute(text)
    assert hint in caught.value.hint


def test_durations_are_written_as_people_do() -> None:
    """In the largest unit that fits without a rest; days are the largest."""
    shown = [
        format_duration(seconds * 1_000) for seconds in (0, 59, 60, 90, 5_400, 86_400, 129_600, 5_184_000)
    ]
    assert shown == ["0s", "59s", "1m", "90s", "90m", "1d", "36h", "60d"]
