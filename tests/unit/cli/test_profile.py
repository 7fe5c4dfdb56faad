"""`streamproc profile show` in words."""

import pytest

from streamproc.cli.profile import _sentence
from streamproc.rules.literals import spell_duration


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [(0, "0s"), (999, "0s"), (8_500, "8s"), (90_000, "1m 30s"), (43 * 86_400_000 + 7_200_000, "43d 2h")],
)
def test_durations_are_written_as_in_rules(duration_ms: int, text: str) -> None:
    assert spell_duration(duration_ms) == text


def test_a_comparison_says_how_it_came_out() -> None:
    item = {"feature": "recency", "value": 3_600_000, "op": "<=", "threshold": 86_400_000, "unit": "ms"}
    assert _sentence({**item, "holds": True}) == "recency = 1h <= 1d: holds"
    assert _sentence({**item, "holds": None}).endswith("unknown: not enough history")
