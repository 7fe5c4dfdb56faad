"""The breaker: how many within an hour are too many, and what it remembers."""

from collections import Counter
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.actions.breaker import Breaker, is_too_many

MINUTE_MS: Final = 60_000
MINUTES: Final = st.lists(st.integers(0, 200), max_size=40)


def instants(minutes: list[int]) -> list[int]:
    return [minute * MINUTE_MS + 59_999 for minute in minutes]


@pytest.mark.parametrize(
    ("requests", "customers", "expected"),
    [(500, 500, False), (501, 501, True), (501, 10_019, True), (501, 10_020, False), (5_000, 100_000, False),
     (5_001, 100_000, True)],
)  # fmt: skip
def test_more_than_500_and_more_than_5_percent(requests: int, customers: int, expected: bool) -> None:
    assert is_too_many(requests, customers) is expected


@given(MINUTES)
def test_the_most_within_any_hour(minutes: list[int]) -> None:
    counts = Counter(minutes)
    expected = max((sum(counts[end - back] for back in range(60)) for end in minutes), default=0)
    assert Breaker().within_hour(instants(minutes)) == expected


@given(MINUTES, MINUTES)
def test_those_before_count(before: list[int], now: list[int]) -> None:
    """Of an hour that ends with one of those now; asking counts nothing."""
    breaker = Breaker(dict(Counter(before)))
    both = Counter(before + now)
    expected = max((sum(both[end - back] for back in range(60)) for end in now), default=0)
    assert breaker.within_hour(instants(now)) == expected
    assert breaker.counts == Counter(before)


@given(st.lists(MINUTES, max_size=4))
def test_noted_ones_are_forgotten_with_an_hour(goes: list[list[int]]) -> None:
    breaker = Breaker()
    for minutes in goes:
        known = Counter(breaker.counts)
        breaker.note(instants(minutes))
        latest = max([*known, *minutes], default=0)
        assert breaker.counts == {
            minute: count for minute, count in (known + Counter(minutes)).items() if minute > latest - 60
        }


def test_a_release_counts_anew() -> None:
    breaker = Breaker({1: 600})
    breaker.hold(MINUTE_MS)
    assert breaker.held_ms == MINUTE_MS
    breaker.release()
    assert breaker == Breaker()
