"""`streamproc publish`, as far as it goes without Kafka. The rest: tests/integration/test_cli_publish.py."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
from click.testing import CliRunner, Result

from streamproc.cli.publish import Line, Reader, Tally, publish_command
from streamproc.contracts.meanings import Meanings
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS
from streamproc.errors import StreamprocError
from streamproc.transport.bulk import NotTaken

MEANINGS = Meanings(DEFAULT_MEANINGS, "USD")
GOOD = '{"type":"page","userId":"u1","messageId":"m1","timestamp":"2026-01-01T00:00:00Z"}'
NAIVE = GOOD.replace("00Z", "00")


def run(path: Path, *options: str) -> Result:
    """No broker answers at this address."""
    return CliRunner().invoke(publish_command, [str(path), *options], env={"STREAMPROC_KAFKA": "127.0.0.1:1"})


def read(
    lines: list[str], *, topic: str | None, meanings: Meanings | None
) -> tuple[list[object], list[object]]:
    numbered = [Line(number, line.encode()) for number, line in enumerate(lines, 1)]
    records, problems = Reader(topic, meanings).read(numbered)
    return [record.key for record in records], [problem[:3] for problem in problems]


def test_bad_lines_are_told_from_good_ones() -> None:
    """In the order of the lines, whatever is wrong with them."""
    envelope = f'{{"topic":"events.app","value":{NAIVE}}}'
    elsewhere = f'{{"topic":"elsewhere","value":{GOOD}}}'
    keys, problems = read([GOOD, envelope, "{", elsewhere, GOOD], topic="events.web", meanings=MEANINGS)
    assert keys == [b"u1", b"u1"]
    assert problems == [
        (2, "invalid_field", "$.timestamp"),
        (3, "not_json", "$"),
        (4, "invalid_line", "$"),
    ]


def test_unchecked_lines_are_sent_as_they_are() -> None:
    """Only a line that has nowhere to go is refused."""
    keys, problems = read([GOOD, NAIVE, "{"], topic="events.web", meanings=None)
    assert (keys, problems) == ([b"u1", b"u1", None], [])
    keys, problems = read([GOOD, "{"], topic=None, meanings=None)
    assert (keys, problems) == ([], [(1, "invalid_line", "$"), (2, "invalid_line", "$")])


def test_what_kafka_does_not_take_may_be_published_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def publish(*_: object) -> None:
        raise NotTaken("the brokers do not answer", "start them", taken=1_200, handed=1_300)

    monkeypatch.setattr("streamproc.cli.publish._publish", publish)
    file = tmp_path / "events.jsonl"
    file.write_text(GOOD)
    error = run(file, "--topic", "web").exception
    assert isinstance(error, StreamprocError)
    arrived = "1,200 of the first 1,300 records are in Kafka, the other 100 not for certain"
    assert error.message == f"the brokers do not answer; {arrived}"
    assert error.fix.startswith("start them. Then publish it again")


def test_an_interruption_says_how_far_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def publish(_settings: object, _file: object, _reader: object, _rate: object, tally: Tally) -> None:
        tally.published = 1_234
        raise KeyboardInterrupt

    monkeypatch.setattr("streamproc.cli.publish._publish", publish)
    file = tmp_path / "events.jsonl"
    file.write_text(GOOD)
    result = run(file, "--topic", "web")
    assert result.exit_code == 1
    assert result.stderr.startswith("interrupted: at least the first 1,234 events are published\n")


def test_a_file_with_bad_lines_is_not_published(tmp_path: Path) -> None:
    """Exit code 1 before a broker is needed; the bad lines with their numbers and reasons."""
    file = tmp_path / "events.jsonl"
    file.write_text(f"{GOOD}\n\n{NAIVE}\n{GOOD}\n{{")
    result = run(file, "--topic", "web")
    assert result.exit_code == 1
    first, second = result.stderr.splitlines()
    assert first.startswith(f"{file}:3: invalid_field at $.timestamp: `timestamp`")
    assert second.startswith(f"{file}:5: not_json at $: ")
    assert result.stdout == "nothing published: 2 bad lines\n"


def test_problems_as_json(tmp_path: Path) -> None:
    """The first twenty, and how many there are."""
    file = tmp_path / "events.jsonl"
    file.write_text(f"{NAIVE}\n" * 25)
    result = run(file, "--topic", "web", "--json")
    summary = json.loads(result.stdout)
    assert (result.exit_code, summary["published"], summary["refused"]) == (1, 0, 25)
    assert len(summary["problems"]) == 20
    assert summary["problems"][0]["line"] == 1
    assert set(summary["problems"][0]) == {"line", "reason", "field", "message"}


def test_more_bad_lines_than_are_listed_are_counted(tmp_path: Path) -> None:
    """A wrong file does not fill the screen."""
    file = tmp_path / "events.jsonl"
    file.write_text(f"{NAIVE}\n" * 25)
    assert run(file, "--topic", "web").stderr.splitlines()[-1] == "... and 5 more"


def test_without_a_topic_events_must_say_where_they_go(tmp_path: Path) -> None:
    """`auto` does not guess."""
    file = tmp_path / "events.jsonl"
    file.write_text(GOOD)
    result = run(file)
    assert result.exit_code == 1
    assert "does not say its topic" in result.stderr


def test_no_broker(tmp_path: Path) -> None:
    """Said as such, once the events have been found good."""
    file = tmp_path / "events.jsonl"
    file.write_text(GOOD)
    with pytest.raises(StreamprocError, match="no Kafka broker answers"):
        raise run(file, "--topic", "web").exception or AssertionError


@pytest.mark.parametrize("options", [["--rate", "0"], ["--topic", "mobile"]])
def test_mistakes_in_the_call(tmp_path: Path, options: list[str]) -> None:
    """Exit code 2."""
    file = tmp_path / "events.jsonl"
    file.write_text(GOOD)
    assert run(file, *options).exit_code == 2
    assert CliRunner().invoke(publish_command, [str(tmp_path / "missing")]).exit_code == 2


@pytest.mark.parametrize(
    ("clock", "days", "warns"), [("live", 91, True), ("live", 89, False), ("event", 91, False)]
)
def test_events_that_no_live_worker_would_apply_are_told_of(
    clock: str, days: int, warns: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted once, although a file is read twice. It is no error: the topics may be for another worker."""

    async def publish(
        _settings: object, file: IO[bytes], reader: Reader, _rate: object, tally: Tally
    ) -> None:
        records, _ = reader.read([Line(number, line) for number, line in enumerate(file, 1)])
        tally.published = len(records)

    monkeypatch.setattr("streamproc.cli.publish._publish", publish)
    now = datetime.now(UTC)
    times = [now - timedelta(days=days), now]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(GOOD.replace("2026-01-01T00:00:00Z", time.isoformat()) for time in times))
    settings = {"STREAMPROC_CLOCK": clock}
    ran = CliRunner(env=settings).invoke(publish_command, [str(file), "--topic", "web"])
    assert ran.exit_code == 0, ran.output
    assert ("1 of 2 events are older than the longest window, 90 days" in ran.stderr) is warns
