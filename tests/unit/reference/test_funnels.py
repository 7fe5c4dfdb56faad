"""Lives worked out by hand from docs/semantics.md: funnels."""

import pytest

from tests.reference.compose import call
from tests.unit.reference.life import NOON, SUPPORT, WEB, D, H, M, S, Sent, brief, live, page, rules, track

#: Three steps within an hour of the first.
WAY = "funnels:\n  - {key: way, version: 1, steps: [A, B, C], within: 1h}\n"


def walk(*steps: tuple[str, int]) -> list[Sent]:
    """Events by name and time after noon."""
    return [track(name, "ann", NOON + after_ms, f"m{n}") for n, (name, after_ms) in enumerate(steps)]


def progress(sent: list[Sent], text: str = WAY, now_ms: int = NOON + 2 * H) -> list[object]:
    """Steps done, steps left and time idle of ann in `way`."""
    features = live(text + rules(), sent, now_ms).features["ann"]
    values = [features[f"funnel_way_{what}"] for what in ("steps", "left", "idle")]
    assert all(exact for _, exact in values)
    return [value for value, _ in values]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # nothing, or not the first step
        ([("X", 0)], [0, 3, 0]),
        ([("B", 0), ("C", M)], [0, 3, 0]),
        # one after the other; others between them do not matter, nor does a step again
        ([("A", 0)], [1, 2, 2 * H]),
        ([("A", 0), ("X", M), ("B", 2 * M)], [2, 1, 2 * H - 2 * M]),
        ([("A", 0), ("B", 2 * M), ("B", 3 * M), ("A", 4 * M)], [2, 1, 2 * H - 2 * M]),
        ([("A", 0), ("C", M), ("B", 2 * M)], [2, 1, 2 * H - 2 * M]),
        ([("A", 0), ("B", M), ("C", 2 * M)], [3, 0, 0]),
        # at one time, and at the very end of the time
        ([("A", 0), ("B", 0), ("C", 0)], [3, 0, 0]),
        ([("A", 0), ("B", H), ("C", H)], [3, 0, 0]),
        ([("A", 0), ("B", H + 1)], [1, 2, 2 * H]),
        ([("A", 0), ("B", M), ("C", H + 1)], [2, 1, 2 * H - M]),
        # not before the latest step, even if it comes later
        ([("A", M), ("B", 0)], [1, 2, 2 * H - M]),
        ([("A", 0), ("B", 2 * M), ("C", M)], [2, 1, 2 * H - 2 * M]),
        # the first step begins anew only after the time
        ([("A", 0), ("B", M), ("A", H)], [2, 1, 2 * H - M]),
        ([("A", 0), ("B", M), ("A", H + 1)], [1, 2, H - 1]),
        ([("A", 0), ("B", M), ("C", 2 * M), ("A", H)], [3, 0, 0]),
        ([("A", 0), ("B", M), ("C", 2 * M), ("A", H + 1)], [1, 2, H - 1]),
        ([("A", 0), ("A", H + 1), ("B", 2 * H - M)], [2, 1, M]),
        # an earlier first step told later changes nothing
        ([("A", M), ("A", 0), ("B", H + M)], [2, 1, H - M]),
    ],
)
def test_progress(steps: list[tuple[str, int]], expected: list[object]) -> None:
    """Two hours after noon."""
    assert progress(walk(*steps)) == expected


def test_a_step_may_come_twice_in_a_funnel() -> None:
    """The first step is the second, too, while the time lasts; after it, it is the first."""
    text = WAY.replace("[A, B, C]", "[A, A]")
    assert progress(walk(("A", 0)), text) == [1, 1, 2 * H]
    assert progress(walk(("A", 0), ("A", H)), text) == [2, 0, 0]
    assert progress(walk(("A", 0), ("A", H + 1)), text) == [1, 1, H - 1]


def test_only_track_calls_go_a_step_whatever_else_they_are() -> None:
    """A page named like it does not; an event of support that is no activity does, and so does an order."""
    named = (WEB, call("page", "ann", NOON, "p", name="A", event="A"))
    assert progress([named]) == [0, 3, 0]
    text = WAY.replace("A, B, C", "Ticket Opened, Order Completed")
    sent = [(SUPPORT, track("Ticket Opened", "ann", NOON)[1]), track("Order Completed", "ann", NOON + M)]
    assert progress(sent, text) == [2, 0, 0]


def test_funnels_do_not_mind_each_other() -> None:
    """One event can be a step of several."""
    text = WAY + "  - {key: other, version: 1, steps: [B, A], within: 1d}\n"
    features = live(text + rules(), walk(("A", 0), ("B", M), ("A", 2 * M)), NOON + H).features["ann"]
    assert (features["funnel_way_steps"], features["funnel_other_steps"]) == ((2, True), (2, True))
    assert (features["funnel_way_left"], features["funnel_other_left"]) == ((1, True), (0, True))


def test_who_is_stuck() -> None:
    """Three days after the latest step; not who has not begun, nor who is through."""
    text = WAY + rules("{key: stuck, enter: funnel_way_left >= 1 and funnel_way_idle >= 3d}")
    sent = [page("bob", NOON), *walk(("A", 0), ("B", M))]
    sent += [track(name, "eve", NOON + M, name) for name in "ABC"]
    assert brief(live(text, sent, NOON + 9 * D), "customer") == [
        (NOON + M + 3 * D, "entered", "stuck", "ann")
    ]


def test_a_step_ends_being_stuck() -> None:
    """The last step, in time, an hour after the second; the rule is left at its second."""
    text = WAY + rules("{key: stuck, enter: funnel_way_idle > 30m}")
    assert brief(live(text, walk(("A", 0), ("B", M), ("C", H)), NOON + D)) == [
        (NOON + 31 * M + S, "entered", "stuck"),
        (NOON + H + S, "exited", "stuck"),
    ]
