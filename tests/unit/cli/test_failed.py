"""`streamproc failed`, as far as it goes without Kafka. The rest: tests/integration/test_cli_failed.py."""

import msgspec
import pytest
from rich.console import Console

from streamproc.cli.failed import only, parse_since, print_list, print_refusal
from streamproc.clock import wall_ms
from streamproc.contracts.failed import FailedEvent, failed_record
from streamproc.contracts.failures import Failure, FailureReason
from streamproc.errors import StreamprocError
from streamproc.transport.replay import Filter, Refusal

AT_MS = 1_772_366_400_000


def refusal(
    offset: int, *, value: bytes = b"{", topic: str = "events.web", key: bytes | None = b"u-1"
) -> Refusal:
    failure = Failure(
        position=0,
        offset=offset,
        reason=FailureReason.NOT_JSON,
        field="$",
        message="The value is [not] JSON.",
    )
    record = failed_record(failure, topic=topic, partition=3, key=key, value=value, timestamp_ms=AT_MS)
    return Refusal(msgspec.json.decode(record.value, type=FailedEvent).data, AT_MS + offset, record.value)


def printed(function: object, *arguments: object, width: int = 80) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        function(console, *arguments)  # type: ignore[operator]
    return capture.get()


def test_since_is_a_time_or_a_time_ago() -> None:
    """Nothing is the beginning."""
    assert parse_since(None) == 0
    assert parse_since("2026-03-01T12:00:00Z") == AT_MS
    assert parse_since("2026-03-01") == AT_MS - 12 * 3_600_000
    assert wall_ms() - parse_since("1d12h") == pytest.approx(36 * 3_600_000, abs=5_000)


@pytest.mark.parametrize("text", ["yesterday", "5x", "2026-13-01"])
def test_a_since_that_is_neither(text: str) -> None:
    """Both forms are shown."""
    with pytest.raises(StreamprocError, match="neither") as caught:
        parse_since(text)
    assert "24h" in caught.value.fix
    assert "2026-01-31" in caught.value.fix


def test_the_beginning_of_an_id_is_enough_if_it_is_one() -> None:
    """Four characters at least."""
    refusals = [refusal(offset) for offset in range(3)]
    wanted = refusals[1]
    assert only(refusals, wanted.data.id[:8]) is wanted
    assert only(refusals, wanted.data.id.upper()) is wanted
    with pytest.raises(StreamprocError, match="not enough"):
        only(refusals, wanted.data.id[:3])
    with pytest.raises(StreamprocError, match="there is no failed event"):
        only(refusals, "zzzz")


def test_filters() -> None:
    """All that are given must hold."""
    one = refusal(5, topic="events.app")
    assert Filter().matches(one)
    assert Filter(reason="not_json", topic="events.app", since_ms=one.at_ms).matches(one)
    assert not Filter(reason="empty").matches(one)
    assert not Filter(topic="events.web").matches(one)
    assert not Filter(since_ms=one.at_ms + 1).matches(one)


def test_the_list_fits_80_columns() -> None:
    """Id, reason, field and place; counts by reason with their meaning."""
    text = printed(print_list, [refusal(1_234_567_890_123)], [refusal(1), refusal(2)])
    assert max(map(len, text.splitlines())) <= 80
    assert "not_json" in text
    assert "events.web/3/1234567890123" in text
    assert "2 failed events" in text
    assert "the newest 1 are shown" in text


def test_an_empty_list() -> None:
    """In words."""
    assert printed(print_list, [], []) == "no failed events\n"


@pytest.mark.parametrize(
    ("value", "shown"), [(b'{"a": "[b]"', '{"a": "[b]"'), (b"\xff", "/w=="), (b"", "(utf8)")]
)
def test_one_of_them(value: bytes, shown: str) -> None:
    """What is wrong, what it held, and how to send it again; brackets are no markup."""
    one = refusal(7, value=value, key=None)
    text = printed(print_refusal, one)
    for part in ("not_json at $", "The value is [not] JSON.", one.data.id, "events.web/3/7", shown):
        assert part in text
    assert f"streamproc failed replay --id {one.data.id[:12]}" in text


def test_a_huge_event_is_cut() -> None:
    """And it says so."""
    text = printed(print_refusal, refusal(7, value=b"x" * 100_000))
    assert len(text) < 4_000
    assert "100,000 bytes" in text
    assert "(utf8, cut)" in text
