"""`streamproc validate`."""

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli.validate import validate_command
from streamproc.contracts.events import EVENT_BYTES_MAX
from streamproc.errors import StreamprocError

GOOD = '{"type":"page","userId":"u1","messageId":"m1","timestamp":"2026-01-01T00:00:00Z"}'
NAIVE = GOOD.replace("00Z", "00")
NAMELESS = GOOD.replace("page", "track")
UNKNOWN = GOOD.replace('"page"', '"track","event":"Foo Done"')


def run(content: str | bytes, *options: str) -> Result:
    """Validate standard input."""
    return CliRunner().invoke(validate_command, ["-", *options], input=content)


def test_good_events() -> None:
    """Exit code 0, and how many they are; blank lines, and a missing last line end, do no harm."""
    result = run(f"{GOOD}\r\n\n  \n{GOOD}")
    assert (result.exit_code, result.stdout) == (0, "2 good, 0 bad\n")


def test_bad_lines_are_named_with_their_number_reason_field_and_fix() -> None:
    """Exit code 1. Blank lines are counted."""
    result = run(f"{GOOD}\n\n{NAIVE}\n{NAMELESS}\n{{\n")
    assert result.exit_code == 1
    naive, nameless, broken, *summary = result.stdout.splitlines()
    assert naive == (
        "<stdin>:3: invalid_field at $.timestamp: `timestamp` has a value that is not allowed; it must be an "
        "ISO 8601 time with a UTC offset, such as 2026-01-31T12:00:00.000Z."
    )
    assert nameless.startswith("<stdin>:4: missing_field at $.event: ")
    assert broken.startswith("<stdin>:5: not_json at $: ")
    assert summary[0] == "1 good, 3 bad"
    assert [line.split() for line in summary[1:]] == [
        ["1", "invalid_field"],
        ["1", "missing_field"],
        ["1", "not_json"],
    ]


def test_json() -> None:
    """One object per bad line, then the summary."""
    result = run(f"{UNKNOWN}\n{NAIVE}\n", "--json")
    failure, summary = (json.loads(line) for line in result.stdout.splitlines())
    assert (failure["line"], failure["reason"], failure["field"]) == (2, "invalid_field", "$.timestamp")
    assert failure["message"]
    assert summary == {
        "events": 2,
        "accepted": 1,
        "failed": 1,
        "reasons": {"invalid_field": 1},
        "unknown_names": 1,
        "currency_mismatches": 0,
        "unknown_zones": 0,
    }


def test_names_without_a_meaning_are_told() -> None:
    """They are accepted."""
    result = run(UNKNOWN)
    assert result.exit_code == 0
    assert "1 events have a name without a meaning" in result.stdout


def test_outcomes_have_a_channel_option_of_their_own() -> None:
    """And time zones that are none are told."""
    outcome = UNKNOWN.replace("}", ',"properties":{"channel":"sms"}}')
    delivered = outcome.replace(json.loads(UNKNOWN)["event"], "Action Delivered")
    assert run(delivered, "--channel", "outcomes").exit_code == 0
    assert run(outcome, "--channel", "outcomes").exit_code == 1
    away = UNKNOWN.replace('"track"', '"identify"').replace("}", ',"traits":{"timezone":"Mars/Olympus"}}')
    assert "not known, and not read: 1 time zone\n" in run(away).stdout


def test_bytes_that_are_no_text_and_lines_that_are_too_large() -> None:
    """One failure per line, however long it is."""
    large = b'{"x":"' + b"a" * (3 * EVENT_BYTES_MAX) + b'"}\n'
    result = run(b"\xff\xfe\n" + large + GOOD.encode() + b"\n" + large.strip())
    reasons = [line.split(" at ")[0] for line in result.stdout.splitlines()[:3]]
    assert reasons == ["<stdin>:1: not_utf8", "<stdin>:2: too_large", "<stdin>:4: too_large"]
    assert "1 good, 3 bad" in result.stdout


@pytest.mark.parametrize("option", ["--topic", "--channel"])
def test_more_lines_than_one_chunk(tmp_path: Path, option: str) -> None:
    """Line numbers go on. The option is called as that of `publish`, and as it was."""
    path = tmp_path / "events.jsonl"
    path.write_text(f"{GOOD}\n" * 4_500 + NAIVE)
    result = CliRunner().invoke(validate_command, [str(path), option, "app"])
    assert result.stdout.startswith(f"{path}:4501: invalid_field")
    assert "4,500 good, 1 bad" in result.stdout


def test_the_rules_file_says_what_names_mean(tmp_path: Path) -> None:
    """A property that it names is checked."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("currency: EUR\nevents:\n  Foo Done:\n    duration: foo_ms\nsegments: []\n")
    event = UNKNOWN.replace('"userId"', '"properties":{"foo_ms":"long"},"userId"')
    assert run(event).exit_code == 0
    result = run(event, "--rules", str(rules))
    assert result.exit_code == 1
    assert "wrong_type at $.properties.foo_ms" in result.stdout


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_nothing_to_check_is_an_error(content: str) -> None:
    """Of the user, told with a fix."""
    result = run(content)
    assert isinstance(result.exception, StreamprocError)
    assert result.exception.fix


def test_a_file_that_is_not_there() -> None:
    """Exit code 2."""
    result = CliRunner().invoke(validate_command, ["nowhere.jsonl"])
    assert result.exit_code == 2
    assert "nowhere.jsonl" in result.stderr


def test_envelopes_are_opened() -> None:
    """As `publish` does; each event is checked on the channel of its topic."""
    broken = base64.b64encode(GOOD[:-5].encode()).decode()
    result = run(
        f'{{"topic":"events.app","value":{GOOD}}}\n'
        f'{{"topic":"events.web","value":{NAIVE}}}\n'
        f'{{"topic":"events.web","key":"u1","value_base64":"{broken}"}}\n'
        f'{{"topic":"elsewhere","value":{GOOD}}}\n'
        '{"topic":"events.web","value":null}\n'
    )
    assert result.exit_code == 1
    reasons = [text.split()[:2] for text in result.stdout.splitlines()[:4]]
    assert reasons == [
        ["<stdin>:2:", "invalid_field"],
        ["<stdin>:3:", "not_json"],
        ["<stdin>:4:", "missing_field"],
        ["<stdin>:5:", "empty"],
    ]
