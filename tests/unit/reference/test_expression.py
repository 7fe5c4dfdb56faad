"""The rule language: reading it, and its three values."""

import pytest

from tests.reference.expression import FALSE, TRUE, UNKNOWN, parse, parse_duration, truth

T, U, F = TRUE, UNKNOWN, FALSE
#: feature -> (value, exact); b is at least 5.
VALUES = {
    "a": (5, True),
    "b": (5, False),
    "c": (6, False),
    "money_7d": (9_990_000, True),
    "recency": (90_000, True),
    "cart_value": (9_990_000, True),
    "order_average": (-1, False),
    "trend": (50, True),
    "none": (-1, False),
    "text": ("größe in zentimetern,", True),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a > 4", T),
        ("a > 5", F),
        ("a >= 5", T),
        ("a < 5.5", T),
        ("a != 5", F),
        ("a == 5", T),
        ("4 < a", T),
        ("4 < a <= 5", T),
        ("4 < a < 5", F),
        ("b > 4", T),
        ("b > 5", U),
        ("b >= 5", T),
        ("b >= 6", U),
        ("b != 4", T),
        ("b != 5", U),
        ("b < 5", F),
        ("b < 6", U),
        ("b <= 4", F),
        ("b <= 5", U),
        ("b == 4", F),
        ("b == 5", U),
        ("5 > b", F),
        ("6 > b", U),
        ("a > b", F),
        ("a >= b", U),
        ("b < a", F),
        ("c > a", T),
        ("a != c", T),
        ("a == c", F),
        ("b < c", U),
        ("b == b", U),
        ("not b > 5", U),
        ("not a > 5", T),
        ("not not a > 5", F),
        ("b > 5 and a > 5", F),
        ("b > 5 or a >= 5", T),
        ("b > 5 and a >= 5", U),
        ("b > 5 or a > 5", U),
        ("a > 5 and a > 5 or a == 5", T),
        ("a == 5 or a > 5 and a > 5", T),
        ("(a == 5 or a > 5) and a > 5", F),
        ("NOT a > 5 AND a == 5", T),
        ("money_7d == 9.99", T),
        ("money_7d >= 9.99 USD", T),
        ("10 USD > money_7d", T),
        ("recency == 1m30s", T),
        ("recency > 1w2d3h", F),
        ("cart_value == 9.99", T),
        ("cart_value > 9.98 USD", T),
        ("order_average > 0 USD", U),
        ("trend == 50%", T),
        ("trend < 50%", F),
        ("49% < trend <= 50%", T),
        ("none >= 0", U),
        ("none != 5", U),
        ("none < 0%", U),
        ("0 <= none", U),
        ("none == a", U),
        ("a > 3 * none", U),
        ("a > 1 * c", F),
        ("2 * a > c", U),
        ("1 * a >= c", F),
        ("3 * a > 2 * a", T),
        ("2 * a == 2 * a", T),
        ("2 * b > 9", T),
        ("2 * b > 10", U),
        ("a < 2 * b", T),
        ("2 * a < 2 * b", U),
        ("2 * a <= 2 * b", T),
        ("a == 2 * b", F),
        ("b < 2 * c", U),
        ("2 * recency == 3m", T),
        ("4 < 2 * a <= 10", T),
        ('text == "größe in zentimetern, lang"', T),
        ('text != "größe in zentimetern, lang"', F),
        ('text == " größe in zentimetern, "', T),
        ('"shoes" != text', T),
        ('text == "Größe in zentimetern,"', F),
        ('none == "shoes"', U),
        ('none != "shoes"', U),
        ('not "shoes" == none', U),
        ('text == "and > 4"', F),
    ],
)
def test_truth(text: str, value: int) -> None:
    """Exact values as usual; at-least values as far as they decide."""
    assert truth(parse(text), VALUES.__getitem__) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "a >", "a > 4 and", "(a > 4", "a > 4)", "a = 4", "a > 4d5", "> 4", "and > 4"),
        *("a * 3 > 4", "0 * a > 4", "1.5 * a > 4", "3 * 4 > a", "3 * and > a", '3 * "x" == a', "3d * a > 4d"),
        *('text == "shoes', "text == 'shoes'", "a > 5.5%", "a > % 5"),
    ],
)
def test_what_is_no_expression(text: str) -> None:
    """The reference refuses rather than guesses."""
    with pytest.raises(ValueError, match=r"expected|missing|cannot read"):
        parse(text)


def test_durations() -> None:
    """One or more parts, or 0."""
    assert parse_duration("1d12h") == 129_600_000
    assert parse_duration("2w") == 1_209_600_000
    assert parse_duration(0) == 0
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration("5")
