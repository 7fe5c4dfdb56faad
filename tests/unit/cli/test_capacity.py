"""`streamproc capacity`: numbers as people write them, lines and JSON."""

import json

import pytest
from click.testing import CliRunner, Result

from streamproc.cli.group import group
from streamproc.errors import StreamprocError
from streamproc.sizing.constants import constants, under_rules


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["capacity", *arguments])


def test_the_lines_show_what_they_are_made_of() -> None:
    result = run("--customers", "10M", "--events-per-second", "50k", "--rules", "100")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[0].startswith("24 partitions, 5 workers, 2 Redis primaries of ")
    known = constants()["worker_us_known"].number
    rules = (
        f"{constants()['rules_some_us'].number:.1f} under 100 rules − {under_rules('us', 30):.1f} under 30"  # noqa: RUF001
    )
    assert f"= {known:.1f} + {rules}\n" in result.output
    assert "docs/performance.md, 2026-" in result.output


@pytest.mark.parametrize(
    ("written", "customers"),
    [
        ("10M", 10e6),
        ("1e6", 1e6),
        ("200_000", 2e5),
        ("200,000", 2e5),
        ("1.5G", 1.5e9),
        ("50k", 5e4),
        ("7", 7),
    ],
)
def test_numbers_as_people_write_them(written: str, customers: float) -> None:
    result = run("--customers", written, "--events-per-second", "10", "--json")
    assert json.loads(result.stdout)["load"]["customers"] == customers


@pytest.mark.parametrize("written", ["many", "-5", "0", "10 apples", "1.2.3M", ""])
def test_what_is_no_number_is_told(written: str) -> None:
    result = run("--customers", written, "--events-per-second", "10")
    assert result.exit_code == 2
    assert "10M, 50k" in result.output


def test_more_active_customers_than_there_are() -> None:
    result = run("--customers", "1k", "--events-per-second", "1", "--customers-active", "2k")
    assert isinstance(result.exception, StreamprocError)
    assert "2,000 customers active on a day" in result.exception.message


def test_json_has_the_constants_with_their_origin() -> None:
    found = json.loads(run("--customers", "1M", "--events-per-second", "1k", "--json").stdout)
    assert {"partitions", "workers", "redis_primaries", "redis_gib", "catch_up_s"} <= set(found["results"])
    assert found["constants"]["worker_us_known"]["page"] == "docs/performance.md"
    assert all(line["arithmetic"] for line in found["lines"])
