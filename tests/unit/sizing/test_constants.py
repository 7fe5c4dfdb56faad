"""The constants of `streamproc capacity` are the figures of the pages they name."""

import re
from pathlib import Path

import pytest

from streamproc.sizing.constants import constants, under_rules

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


@pytest.mark.parametrize("name", ["us", "bytes"])
def test_rules_cost_what_was_measured_and_what_lies_between(name: str) -> None:
    few, some, many = (constants()[f"rules_{which}_{name}"].number for which in ("few", "some", "many"))
    assert [under_rules(name, rules) for rules in (12, 100, 500)] == pytest.approx([few, some, many])
    assert under_rules(name, 56) == pytest.approx((few + some) / 2)
    assert under_rules(name, 300) == pytest.approx((some + many) / 2)
    assert under_rules(name, 900) == pytest.approx(2 * many - some)
