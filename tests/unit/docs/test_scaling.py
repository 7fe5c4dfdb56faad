"""The figures of docs/scaling.md are those of `streamproc capacity`."""

import re
from pathlib import Path

import pytest

from streamproc.sizing.constants import constants, under_rules
from streamproc.sizing.load import Load
from streamproc.sizing.plan import plan_for

PAGE = (Path(__file__).parents[3] / "docs" / "scaling.md").read_text(encoding="utf-8")

HEAD = """\
| customers | events/s | partitions | workers | Redis primaries | Redis, GiB in all | a node, GiB | its thread busy | \
into Redis, MB/s | into Kafka, MB/s | Kafka's disks, TB |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


def matrix() -> str:
    """One row for each load."""
    lines = [HEAD]
    for customers in (1e6, 10e6, 100e6):
        for events_per_s in (10e3, 100e3, 1e6):
            found = plan_for(Load(customers=customers, events_per_s=events_per_s, redis_memory_gb=64)).results
            cells = (
                f"{customers / 1e6:.0f} M",
                f"{events_per_s:,.0f}",
                *(f"{found[name]:.0f}" for name in ("partitions", "workers", "redis_primaries")),
                *(f"{found[name]:,.1f}" for name in ("redis_gib", "redis_node_gib")),
                f"{found['redis_busy']:.0%}",
                *(f"{found[name]:,.0f}" for name in ("redis_in_mb_per_s", "kafka_in_mb_per_s", "kafka_tb")),
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def test_the_matrix_is_what_the_program_says() -> None:
    """If it is not: the matrix as it should be."""
    assert matrix() in PAGE, f"docs/scaling.md should have\n{matrix()}"


@pytest.mark.parametrize("name", ["customer_bytes_light", "customer_bytes_typical", "customer_bytes_heavy"])
def test_the_text_has_the_constants(name: str) -> None:
    assert f"{constants()[name].number:,.0f}" in PAGE


def test_the_text_has_the_costs_of_a_rule_and_an_id() -> None:
    for fewer, more in ((30, 100), (100, 500)):
        us, size = (
            (under_rules(name, more) - under_rules(name, fewer)) / (more - fewer) for name in ("us", "bytes")
        )
        assert f"{us:.2f} µs an event and {size:.1f} bytes a customer" in PAGE
    found = re.search(r"takes (\d+) bytes more than an id of ten", PAGE)
    assert found is not None
    assert int(found[1]) == round(26 * constants()["id_byte_bytes"].number)
