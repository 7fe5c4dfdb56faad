"""Rules files that want to harm: they are refused with their place, soon, and nothing of them is carried out."""

import sys
import time
from pathlib import Path

import pytest

from streamproc.features.registry import FEATURES
from streamproc.rules.document import MAX_ERRORS
from streamproc.rules.grammar import MAX_CHARACTERS, MAX_NESTING
from streamproc.rules.load import MAX_BYTES, check_ruleset, check_text
from streamproc.rules.problems import Problem

#: What takes milliseconds may take a while on a busy machine; what grows without bound takes minutes.
SOON_S = 20
SHOWN_MAX = 2_000


def with_rule(expression: str) -> str:
    """A file with one segment."""
    return f"segments:\n  - key: a\n    name: A\n    version: 1\n    enter: |\n      {expression}\n"


def refused(text: str) -> list[Problem]:
    """Why the file is not accepted: soon, and in words that fit a screen."""
    begin_s = time.monotonic()
    ruleset, problems = check_text(text, "rules.yaml")
    assert time.monotonic() - begin_s < SOON_S
    assert ruleset is None
    assert 0 < len(problems) <= MAX_ERRORS
    assert all(len(str(problem)) < SHOWN_MAX for problem in problems)
    return problems


@pytest.mark.parametrize(
    ("expression", "column"),
    [
        ("recency.__class__ > 1d", 14),
        ("__import__ > 1d", 7),
        ("__import__('os').system('true') > 1d", 17),
        ("recency(1) > 1d", 14),
        ("recency[0] > 1d", 14),
        ("[x for x in recency] > 1", 7),
        ("(lambda: 1) > 1", 14),
        ("(x := 1) > 1", 10),
        ('f"{recency}" > 1d', 8),
        ("{recency} > 1d", 7),
        ("`id` > 1d", 7),
        ("orders_90d > 9**9**9", 22),
        ("orders_90d > 1e999999999", 20),
        ("orders_90d > 0x10", 20),
        ("orders_90d > ٣", 20),
        ("recency > 1d; recency > 2d", 19),
        ("recency > 1d # and so on", 20),
        ("recency > 1d if True else 1", 23),
        ("True", 11),
        ("recency > 999999999999999w", 17),
    ],
)
def test_an_expression_is_no_python(expression: str, column: int) -> None:
    """There are no attributes, calls, subscripts, texts or arithmetic; the place of what is wrong is told."""
    (problem,) = refused(with_rule(expression))
    assert (problem.line, problem.column) == (6, column), problem


@pytest.mark.parametrize(
    "expression",
    [
        " or ".join(["recency > 1d"] * 100_000),
        "not " * 200_000 + "recency > 1d",
        "(" * 100_000 + "recency > 1d" + ")" * 100_000,
        "(" * (MAX_NESTING + 1) + "recency > 1d" + ")" * (MAX_NESTING + 1),
        "not (" * (MAX_NESTING + 1) + "recency > 1d" + ")" * (MAX_NESTING + 1),
        "1 < " + " < ".join(["orders_90d"] * 50_000),
        "orders_90d > " + "9" * 500_000,
        "recency > " + "9" * 3_900 + "d",
        "orders_90d > 0." + "0" * 3_900 + "1",
        "a" * 500_000 + " > 1",
        " or ".join(f"no{number} > 1" for number in range(280)),
    ],
    ids=lambda expression: expression[:20],
)
def test_size_and_depth_have_a_bound(expression: str) -> None:
    """The stack does not overflow, and nobody waits."""
    refused(with_rule(expression))


def test_the_longest_and_the_deepest_are_accepted() -> None:
    """The bounds are far from what people write."""
    comparison = "recency > 1d"
    longest = " or ".join([comparison] * (MAX_CHARACTERS // (len(comparison) + 4)))
    for expression in (longest, "not (" * MAX_NESTING + comparison + ")" * MAX_NESTING):
        assert check_text(with_rule(expression), "rules.yaml")[0] is not None


def test_a_rule_that_opens_up_into_many_alternatives_is_not_looked_into() -> None:
    """Looking for contradictions among 512 alternatives of 60 features took minutes, in a running worker."""
    features = [name for name, feature in FEATURES.items() if feature.unit == "count"]
    choices = [f"({one} > 1 or {other} > 2)" for one, other in zip(features[:9], features[9:18], strict=True)]
    rest = [f"{name} > 3" for name in features[18:]]
    begin_s = time.monotonic()
    ruleset, _ = check_text(with_rule(" and ".join([*choices, *rest, "recency < 1d"])), "rules.yaml")
    assert ruleset is not None
    assert time.monotonic() - begin_s < SOON_S


def laughs(depth: int) -> str:
    """Nine times nine times nine … of the same: nine to the power of `depth`."""
    lists = [f"- &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, depth)]
    return f"segments:\n- &l0 [x]\n{''.join(lists)}"


@pytest.mark.parametrize(
    "text",
    [
        laughs(30),
        "segments: &a [*a]\n",
        "&a {segments: [*a]}\n",
        "&a segments: *a\n",
        "segments:\n  - &s {key: a, name: A, version: 1, enter: recency > 1d}\n" + "  - *s\n" * 10_000,
        "churn: &c {bands: *c}\n",
        "x: &x {currency: EUR}\n<<: *x\n",
        "[" * 200_000,
        "- " * 100_000,
        "{a: " * 100_000,
        "".join(f"{' ' * depth}a:\n" for depth in range(600)),
        "segments: []\n" * 1_000,
        "".join(f"k{number}: 1\n" for number in range(20_000)),
        "{" + ", ".join(f"k{number}: 1" for number in range(10_000)) + "}",
        f"? {'k' * 500_000}\n: 1\n",
        "a\0b",
        f"!!{'a' * 100_000} x",
    ],
    ids=lambda text: text[:20],
)
def test_yaml_does_not_explode(text: str) -> None:
    """Aliases of aliases, recursion, depth, repeated and unknown keys by the thousand."""
    refused(text)


@pytest.mark.parametrize(
    "tag", ["object/apply:os.mkdir", "object/new:os.mkdir", "name:os.mkdir", "module:antigravity"]
)
def test_tags_make_no_objects(tag: str, tmp_path: Path) -> None:
    """Only nodes are built of a file, whatever its tags ask for."""
    made = tmp_path / "made"
    refused(f"segments: !!python/{tag} [{made}]\n")
    refused(f"currency: !!python/{tag} ''\n")
    assert not made.exists()
    assert "antigravity" not in sys.modules


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """100 MB take no time and no memory; a device without an end does not either."""
    large = tmp_path / "rules.yaml"
    with large.open("wb") as file:
        file.truncate(100_000_000)
    for path in (large, Path("/dev/zero")):
        begin_s = time.monotonic()
        ruleset, problems = check_ruleset(path)
        assert time.monotonic() - begin_s < SOON_S
        assert ruleset is None
        assert f"{MAX_BYTES:,} bytes" in problems[0].message


def test_the_first_hundred_errors_are_told() -> None:
    """And that there may be more."""
    problems = refused("".join(f"k{number}: 1\n" for number in range(MAX_ERRORS + 1)))
    assert len(problems) == MAX_ERRORS
    assert f"after {MAX_ERRORS} errors" in problems[-1].hint
