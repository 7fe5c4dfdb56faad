"""The constants of `streamproc capacity` are the figures of the pages they name."""

import re
from pathlib import Path

import pytest

from streamproc.sizing.constants import constants, per_rule

ROOT = Path(__file__).parents[3]


def page_of(name: str) -> str:
    """Its text, numbers without commas."""
    return plain((ROOT / constants()[name].page).read_text(encoding="utf-8"))


def plain(text: str) -> str:
    return re.sub(r"(?<=\d),(?=\d{3})", "", text)


@pytest.mark.parametrize("name", constants())
def test_the_page_has_the_figure(name: str) -> None:
    """So that neither is changed without the other."""
    constant = constants()[name]
    row = plain(constant.row)
    assert row in page_of(name)
    if isinstance(constant.value, float | int):
        assert constant.value in map(float, re.findall(r"\d+(?:\.\d+)?", row))


def test_the_table_of_latencies_is_that_of_the_page() -> None:
    """p50 and p99."""
    figure = r"([\d.]+) \([^)]+\)"
    rows = re.findall(rf"\| signals at (\d+)/s \| {figure} \| {figure} \| {figure}", page_of("latency_ms"))
    found = [(float(rate), float(p50), float(p99)) for rate, p50, _, p99 in rows]
    assert found == [*constants()["latency_ms"].table]


@pytest.mark.parametrize("name", constants())
def test_a_constant_says_how_to_measure_it_again(name: str) -> None:
    constant = constants()[name]
    module = re.match(r"python -m ([\w.]+)", constant.command)
    assert module is not None
    path = ROOT / module[1].replace(".", "/")
    assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def test_rules_cost_what_lies_between() -> None:
    """A line through 12 and 500 rules meets what was measured with 100, as far as it goes."""
    row = re.search(r"\| 100 \| ([\d.]+) \(.* \| (\d+) \|\n", page_of("rules_few_us"))
    assert row is not None
    few_us, few_bytes = constants()["rules_few_us"].number, constants()["rules_few_bytes"].number
    assert few_us + 88 * per_rule("us") == pytest.approx(float(row[1]), rel=0.15)
    assert few_bytes + 88 * per_rule("bytes") == pytest.approx(float(row[2]), rel=0.1)
