"""`streamproc topics`, as far as it goes without Kafka. The rest: tests/integration/test_cli_topics.py."""

import pytest
from click.testing import CliRunner
from rich.console import Console

from streamproc.cli.topics import print_topics, topics_group
from streamproc.errors import StreamprocError
from streamproc.transport.topics import TopicInfo, Topics


@pytest.mark.parametrize("options", [["--partitions", "0"], ["--replication", "0"], ["--retention-ms", "-2"]])
def test_impossible_numbers(options: list[str]) -> None:
    """Exit code 2, before a broker is asked."""
    assert CliRunner().invoke(topics_group, ["create", *options]).exit_code == 2


def test_no_broker() -> None:
    """Said as such."""
    result = CliRunner().invoke(topics_group, ["list"], env={"STREAMPROC_KAFKA": "127.0.0.1:1"})
    with pytest.raises(StreamprocError, match="no Kafka broker answers"):
        raise result.exception or AssertionError


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"retention.ms": "-1"}, "ever"),
        ({"retention.ms": "604800000"}, "7 d"),
        ({"retention.ms": "5400000"}, "1.5 h"),
        ({}, "not said"),
    ],
)
def test_retention_for_people(config: dict[str, str], kept: str) -> None:
    """In days or hours."""
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        print_topics(console, {"events.web": TopicInfo(4, 3, config)}, Topics())
    row = capture.get().splitlines()[1]
    assert row.split() == ["events.web", "events", "in", "4", "3", *kept.split()]


def test_a_missing_topic_is_marked_and_its_creation_named() -> None:
    """With the command to run."""
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        print_topics(console, {"acme.churn.risk": None}, Topics("acme."))
    assert "acme.churn.risk  signals out     missing" in capture.get()
    assert "streamproc topics create" in capture.get()
