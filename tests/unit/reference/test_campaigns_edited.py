"""The model of journeys where somebody edits a campaign under way."""

from tests.reference.campaigns_journeys import Journeys
from tests.reference.customer import DAY_MS, Customer, Word
from tests.reference.expression import Lookup
from tests.reference.rules import Rules, read_rules
from tests.unit.reference.life import NOON

ONE_STEP = "{channel: email, reason: none}"
TWO_STEPS = f"{ONE_STEP}, {{wait: 2d, channel: email, reason: none}}"


def rules(steps: str, goal: str) -> Rules:
    return read_rules(
        f"campaigns: [{{key: x, on: band low both, reentry: never, expires_after: 1d, goal: {goal}, steps: [{steps}]}}]"
    )


def outcomes(steps: str) -> list[str | None]:
    """Of everything said after an edit takes the goal away, a day after the first request."""
    customer = Customer("ada", consent={"email": Word(0, 0, True)})
    nothing: Lookup = lambda name: (0, True)  # noqa: E731
    before = Journeys(rules(steps, "order"), 0, 1, {})
    assert len(before.evaluate(customer, NOON, {"x"}, nothing)) == 1
    after = Journeys(rules(steps, "none"), 0, 1, {})
    said = [one for day in (1, 2, 9) for one in after.evaluate(customer, NOON + day * DAY_MS, set(), nothing)]
    return [one["action"].get("outcome") for one in said]


def test_what_has_no_step_left_ends() -> None:
    assert outcomes(ONE_STEP) == ["done"]


def test_the_others_end_behind_their_last_step() -> None:
    assert outcomes(TWO_STEPS) == [None, "done"]
