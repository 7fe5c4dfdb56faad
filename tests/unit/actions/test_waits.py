"""What a step waits for; what comes of it is in test_decide."""

from typing import Any

import pytest

from streamproc.actions.waits import LOOK_AGAIN_MS, wait
from streamproc.actions.zones import zone
from streamproc.rules.campaign import BEST_HOUR, ContactPolicy, QuietHours
from streamproc.windows.panes import INF
from tests.unit.actions.desk import HOUR_MS, NO_POLICY, NOON_MS, step

QUIET = ContactPolicy(quiet_hours=QuietHours(21 * 60, 8 * 60))


@pytest.mark.parametrize(
    ("own", "policy", "now_ms", "expected"),
    [
        ({}, NO_POLICY, NOON_MS, (None, INF)),
        ({}, QUIET, NOON_MS, (None, INF)),
        ({}, QUIET, NOON_MS + 12 * HOUR_MS, ("quiet_hours", NOON_MS + 18 * HOUR_MS)),  # from two in Berlin
        ({"at_minute": 18 * 60}, QUIET, NOON_MS, ("slot", NOON_MS + 4 * HOUR_MS)),
        ({"at_minute": 14 * 60}, QUIET, NOON_MS, (None, INF)),  # it is two in Berlin
        ({"at_minute": BEST_HOUR}, QUIET, NOON_MS, ("slot", NOON_MS + 3 * HOUR_MS)),
    ],
)
def test_hours(own: dict[str, Any], policy: ContactPolicy, now_ms: int, expected: tuple[str, int]) -> None:
    """At noon of UTC, which is two in Berlin; the customer's best hour is three in UTC's afternoon."""
    assert wait(step(**own), policy, zone("Europe/Berlin"), 15, now_ms) == expected


def test_a_best_hour_at_night_and_one_that_is_not_known_are_not_waited_for() -> None:
    at_best = step(at_minute=BEST_HOUR)
    assert wait(at_best, QUIET, zone("UTC"), 3, NOON_MS) == (None, INF)
    assert wait(at_best, QUIET, zone("UTC"), -1, NOON_MS) == (None, INF)


def test_somebody_who_says_so_comes_first() -> None:
    found = wait(step(at_minute=0), QUIET, zone("UTC"), -1, NOON_MS, told_to="held")
    assert found == ("held", NOON_MS + LOOK_AGAIN_MS)
