"""What the verdict says of actions."""

from typing import Any

import pytest

from tests.faults.journeys import broken


def action(event: str, entry: int, step: int, **properties: Any) -> dict[str, Any]:
    said = {
        "abort_type": None,
        "closes": False,
        "channel": None,
        "action_id": f"id-{entry}-{step}",
        **properties,
    }
    return {
        "event": f"Reactivation {event}",
        "properties": {"campaign": "comeback", "entry": entry, "step": step, **said},
    }


FIRST = action("Requested", 1, 1, channel="push")
SECOND = action("Requested", 1, 2, channel="push")
THIRD = action("Suppressed", 1, 3, abort_type="frequency_cap")
AGAIN = action("Suppressed", 1, 2, abort_type="in_journey")
CONVERTED = action("Ended", 1, 2, closes=True)
NEVER_AGAIN = action("Suppressed", 2, 1, abort_type="never_again", closes=True)


def test_all_is_well() -> None:
    under_way = [FIRST, AGAIN, SECOND, THIRD]
    assert list(broken(under_way, {(1, 2)}, consents=True)) == []
    assert list(broken([*under_way, CONVERTED, NEVER_AGAIN], set(), consents=True)) == []


@pytest.mark.parametrize(
    ("said", "in_state", "consents", "what"),
    [
        ([FIRST], {(1, 1)}, False, "asked without consent"),
        ([FIRST, SECOND], {(1, 1)}, True, "are open, in the state [(1, 1)]"),
        ([FIRST], set(), True, "are open, in the state []"),
        ([FIRST, FIRST], {(1, 2)}, True, "steps [1, 1]"),
        ([FIRST, CONVERTED, SECOND], set(), True, "closed by [1] of 3"),
        ([NEVER_AGAIN], set(), True, "comeback: entries [2]"),
        ([FIRST, action("Requested", 1, 2, action_id="id-1-1")], {(1, 2)}, True, "1 ids of 2 steps"),
        ([FIRST, SECOND, action("Requested", 1, 3, channel="push")], {(1, 3)}, True, "3 pushes"),
    ],
)
def test_what_is_wrong_is_told(
    said: list[dict[str, Any]], in_state: set[tuple[int, int]], consents: bool, what: str
) -> None:
    found = list(broken(said, in_state, consents=consents))
    assert len(found) == 1
    assert what in found[0]
