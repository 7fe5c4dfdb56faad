"""Cut-offs in rules: what they become, whose value is in force, and what is a new definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.rules.cutoff_values import NO_VALUES, CutoffValue, CutoffValues
from streamproc.rules.expression import Comparison, as_written, comparisons, with_cutoffs
from streamproc.rules.load import check_text
from streamproc.rules.model import Cutoff, Ruleset
from streamproc.rules.parse import parse_expression
from streamproc.rules.versions import changed_without_version

RULES = """
cutoffs:
  heavy_use: {feature: sessions_30d, quantile: 80%, fixed: 12, hysteresis: 20%}
  recent: {feature: recency, quantile: 20%, fixed: 7d}
  much: {feature: money_90d, quantile: 80%, fixed: 99.90 USD, hysteresis: 10%}
segments:
  - key: heavy
    name: Heavy
    version: 1
    enter: sessions_30d >= heavy_use and (recent >= recency or money_90d >= much)
    exit: sessions_30d < heavy_use.low or (recency > recent.high and money_90d < much.low)
  - {key: other, name: Other, version: 1, enter: sessions_30d >= 12, exit: sessions_30d < 9}
"""
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


def rules(text: str = RULES, values: CutoffValues = NO_VALUES) -> Ruleset:
    ruleset, problems = check_text(text, "rules.yaml", values)
    assert ruleset is not None, "\n".join(map(str, problems))
    assert problems == []
    return ruleset


def values(**texts: str) -> CutoffValues:
    """A file with values of these cut-offs."""
    made_for = {"heavy_use": ("sessions_30d", 80), "recent": ("recency", 20), "much": ("money_90d", 80)}
    return CutoffValues(
        version="cutoffs-1",
        created="2026-01-01T00:00:00Z",
        source="test",
        sampled=5_000,
        active_days=90,
        cutoffs={
            name: CutoffValue(
                feature=made_for[name][0],
                quantile=made_for[name][1],
                value=text,
                customers=4_000,
                rank_error=0.02,
            )
            for name, text in texts.items()
        },
    )


def thresholds(ruleset: Ruleset) -> dict[str, object]:
    heavy = ruleset.segments[0]
    assert heavy.exit is not None
    named = [*comparisons(heavy.enter), *comparisons(heavy.exit)]
    return {comparison.cutoff: comparison.threshold for comparison in named}


def test_cutoffs_are_literals_with_a_name() -> None:
    """The engine sees numbers in the unit of the feature; people see both."""
    ruleset = rules()
    assert thresholds(ruleset) == {
        "heavy_use": 12,
        "recent": 7 * DAY_MS,
        "much": 99_900_000,
        "heavy_use.low": 9,
        "recent.high": 202 * HOUR_MS,
        "much.low": 89_910_000,
    }
    heavy = ruleset.segments[0]
    assert str(heavy.enter) == "sessions_30d >= 12 and (recency <= 7d or money_90d >= 99.9 USD)"
    assert as_written(heavy.enter) == "sessions_30d >= heavy_use and (recency <= recent or money_90d >= much)"
    assert with_cutoffs(heavy.enter) == (
        "sessions_30d >= heavy_use (12) and (recency <= recent (7d) or money_90d >= much (99.9 USD))"
    )
    assert [cutoff.source for cutoff in ruleset.cutoffs] == ["fixed"] * 3
    assert [cutoff.hysteresis for cutoff in ruleset.cutoffs] == [20, 20, 10]
    assert ruleset.cutoffs_version is None


def test_a_cutoff_and_its_value_are_one_question() -> None:
    """So rules that ask the same cost nothing more."""
    ruleset = rules()
    first, other = next(comparisons(ruleset.segments[0].enter)), next(comparisons(ruleset.segments[1].enter))
    assert (first.cutoff, other.cutoff) == ("heavy_use", "")
    assert first == other
    assert hash(first) == hash(other)


def test_a_range_of_cutoffs() -> None:
    low, high = (
        Cutoff(name, "sessions_30d", "count", None, fixed, 20) for name, fixed in (("some", 4), ("many", 12))
    )
    parsed = parse_expression(
        "some <= sessions_30d < many and not tenure < 1d", currency="USD", cutoffs=(low, high)
    )
    assert str(parsed.expr) == "sessions_30d >= 4 and sessions_30d < 12 and not tenure < 1d"
    assert parsed.expr is not None
    assert with_cutoffs(parsed.expr) == (
        "sessions_30d >= some (4) and sessions_30d < many (12) and not tenure < 1d"
    )


@given(st.integers(1, 10**9), st.integers(1, 99), st.sampled_from(("count", "percent", "ms", "USD")))
def test_the_places_lie_apart(value: int, hysteresis: int, unit: str) -> None:
    """By the hysteresis at least, and by one step more at most, except where only 0 would be below."""
    unit_step = {"ms": 1_000, "USD": 10_000}.get(unit, 1)
    value *= unit_step
    places = Cutoff("c", "f", unit, None, value, hysteresis).places
    mid, low, high = places["c"], places["c.low"], places["c.high"]
    step = HOUR_MS if unit == "ms" else unit_step
    assert mid == value
    assert 0 < low <= value < high
    apart = value * hysteresis / 100
    assert apart <= high - value < apart + step + 1
    if low < value:
        assert apart <= value - low < apart + step + 1
    else:
        assert value - apart < step


def test_sampled_values_take_the_place_of_fixed_ones() -> None:
    ruleset = rules(values=values(heavy_use="9", recent="100h", much="150.50 USD"))
    assert thresholds(ruleset) == {
        "heavy_use": 9,
        "recent": 100 * HOUR_MS,
        "much": 150_500_000,
        "heavy_use.low": 7,
        "recent.high": 120 * HOUR_MS,
        "much.low": 135_450_000,
    }
    assert [cutoff.source for cutoff in ruleset.cutoffs] == ["sampled"] * 3
    assert ruleset.cutoffs_version == "cutoffs-1"


@pytest.mark.parametrize(
    ("edit", "source"),
    [
        (("fixed: 12", "fixed: 12, override: true"), "override"),
        (("quantile: 80%, fixed: 12", "fixed: 12"), "fixed"),
        (("quantile: 80%, fixed: 12", "quantile: 90%, fixed: 12"), "fixed"),
        (("sessions_30d", "events_30d"), "fixed"),
    ],
)
def test_a_value_counts_for_what_it_was_made_for(edit: tuple[str, str], source: str) -> None:
    """Not where it is overridden, nor for another feature or quantile than the file's."""
    ruleset = rules(RULES.replace(*edit), values(heavy_use="9"))
    assert (ruleset.cutoffs[0].value, ruleset.cutoffs[0].source) == (12, source)


@pytest.mark.parametrize("text", ["9d", "0", "9 or so", "-1", "9 EUR"])
def test_a_value_that_cannot_be_one_is_left_out(text: str) -> None:
    """The file was made under another currency, or by hand: the rules hold all the same."""
    assert rules(values=values(heavy_use=text)).cutoffs[0].value == 12


def test_a_new_value_asks_for_no_version() -> None:
    """But for an evaluation of everybody."""
    old, new = rules(), rules(values=values(heavy_use="9"))
    assert changed_without_version(old, new) == []
    assert changed_without_version(new, old) == []
    assert old.fingerprint != new.fingerprint
    same = rules(values=values(heavy_use="12", recent="7d"))
    assert same.fingerprint == old.fingerprint
    assert changed_without_version(old, rules(RULES.replace("fixed: 12", "fixed: 15"))) == []
    assert changed_without_version(old, rules(RULES.replace("fixed: 12", "fixed: 15, override: true"))) == []


@pytest.mark.parametrize(
    "edit",
    [
        ("quantile: 80%, fixed: 12", "quantile: 90%, fixed: 12"),
        ("fixed: 12, hysteresis: 20%", "fixed: 12, hysteresis: 30%"),
        ("enter: sessions_30d >= heavy_use and", "enter: sessions_30d >= heavy_use.high and"),
        ("enter: sessions_30d >= heavy_use and", "enter: sessions_30d >= 12 and"),
    ],
)
def test_another_border_is_another_definition(edit: tuple[str, str]) -> None:
    """What a cut-off is a quantile of, and where rules use it, is what they mean. Others keep their versions."""
    (problem,) = changed_without_version(
        rules(), check_text(RULES.replace(*edit), "rules.yaml")[0] or rules()
    )
    assert problem.message == "segment `heavy` was changed, but its version is still 1"


def test_features_have_no_places() -> None:
    (mistake,) = parse_expression("recency.low > 1d", currency="USD").mistakes
    assert (mistake.offset, mistake.message, mistake.hint) == (
        0,
        "unknown feature `recency.low`",
        "did you mean `recency`?",
    )


def test_a_comparison_keeps_its_name_when_it_is_turned_round() -> None:
    cutoff = Cutoff("many", "sessions_30d", "count", None, 12, 20)
    parsed = parse_expression("many.low > sessions_30d", currency="USD", cutoffs=(cutoff,))
    assert parsed.expr == Comparison("sessions_30d", "<", 9, "count")
    assert parsed.expr is not None
    assert as_written(parsed.expr) == "sessions_30d < many.low"
