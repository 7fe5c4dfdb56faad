"""The list of checks, and the order of the report."""

from streamproc.api.checkup import CHECKS, Finding, in_order, listed


def test_checks_of_an_area_stand_together() -> None:
    """The report has one heading for each."""
    areas = [name.partition(".")[0] for name in CHECKS]
    assert areas == sorted(areas, key=areas.index)
    assert all(CHECKS.values())


def test_the_report_is_in_the_order_of_the_checks() -> None:
    """Whoever asks first; findings of one check stay as they came."""
    found = [
        Finding(check, "ok", str(i), "")
        for i, check in enumerate(["redis.reach", "rules.file", "redis.reach"])
    ]
    assert [finding.about for finding in in_order(found)] == ["1", "0", "2"]


def test_long_lists_are_cut() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
