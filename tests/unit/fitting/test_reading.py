"""Files of events: what counts, what is told, and what must not matter."""

import io
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.fitting.reading import Reader, Reading, repeated
from streamproc.rules.load import load_ruleset
from streamproc.transport.lines import LineError, open_line, parse_line
from tests.unit.fitting.histories import DAY_MS, FIRST_DAY, line

MEANINGS = load_ruleset(None).meanings
NOW_MS = (FIRST_DAY + 1000) * DAY_MS
HOUR_MS = 3_600_000


def read(*files: bytes) -> Reading:
    reader = Reader(MEANINGS, "events.web", NOW_MS)
    done = []
    for number, content in enumerate(files):
        reader.read(io.BytesIO(content), f"file-{number}", done.append)
    assert sum(done) == sum(map(len, files))
    return reader.reading()


def at(day: float) -> int:
    return int((FIRST_DAY + day) * DAY_MS)


def shown(reading: Reading) -> list[tuple[str, int]]:
    log = reading.log
    return [
        (reading.ids[code], ts) for code, ts in zip(log.customer.tolist(), log.ts_ms.tolist(), strict=True)
    ]


def test_activities_come_in_the_order_of_their_time() -> None:
    reading = read(line("b", at(2)) + line("a", at(1)), line("b", at(0)))
    assert reading.ids == ["a", "b"]
    assert shown(reading) == [("b", at(0)), ("a", at(1)), ("b", at(2))]
    assert reading.first_seen_ms.tolist() == [at(1), at(0)]
    assert (reading.events, reading.refused) == (3, 0)


def test_envelopes_say_their_topic() -> None:
    """Of a topic whose events are no activity, a customer is seen, but not active."""
    value = line("a", at(1), event="Live Chat Conversation Started").decode().strip()
    reading = read(f'{{"topic":"events.support","value":{value}}}\n'.encode())
    assert (reading.ids, shown(reading), reading.first_seen_ms.tolist()) == (["a"], [], [at(1)])


def test_identify_is_no_activity() -> None:
    reading = read(line("a", at(1), type="identify") + line("a", at(3)))
    assert shown(reading) == [("a", at(3))]
    assert reading.first_seen_ms.tolist() == [at(1)]


def test_bad_lines_are_told_with_file_and_line_and_left_out() -> None:
    good = line("a", at(1))
    bad = [
        b"{not json\n", b"\xff\xfe\n", b"[]\n", line("a", at(1), timestamp="2021-13-01"),
        line("a", at(1), userId=None), line("a", NOW_MS + DAY_MS), b'{"topic":"elsewhere","value":{}}\n', b"null\n",
    ]  # fmt: skip
    reading = read(good + b"\n\n" + good, b"".join(bad) + good)
    assert (reading.events, reading.refused) == (3, len(bad))
    assert [(line.file, line.line) for line in reading.bad_lines] == [
        ("file-1", n + 1) for n in range(len(bad))
    ]
    assert {line.reason for line in reading.bad_lines} >= {
        "not_json", "wrong_type", "no_customer", "timestamp_in_future", "invalid_line",
    }  # fmt: skip


def test_of_many_bad_lines_the_first_are_listed() -> None:
    reading = read(b"nonsense\n" * 100)
    assert (reading.events, reading.refused, len(reading.bad_lines)) == (0, 100, 20)
    assert (reading.ids, len(reading.log.ts_ms)) == ([], 0)


def test_no_lines_are_no_events() -> None:
    assert (read(b"").events, read(b"\n \n").events) == (0, 0)


def test_the_last_line_needs_no_end_and_others_may_have_two_signs() -> None:
    reading = read(line("a", at(1)).strip() + b"\r\n" + line("a", at(2)).strip())
    assert reading.events == 2


def test_a_repeat_within_24_hours_counts_once_whatever_the_order_of_lines() -> None:
    first, second = line("a", at(1.9), "m"), line("a", at(2.1), "m")
    for content in (first + second, second + first, second + first + second):
        reading = read(content)
        assert shown(reading) == [("a", at(1.9))]
        assert reading.repeats == content.count(b"\n") - 1


def one_by_one(events: list[tuple[int, int, int]]) -> list[bool]:
    """As `repeated`, from its definition: the engine's ring, event by event in the order of time."""
    applied: dict[tuple[int, int], int] = {}
    out = [False] * len(events)
    for place in sorted(range(len(events)), key=lambda place: events[place][2]):
        customer, message, ts = events[place]
        evaluated = ts // 1000 * 1000
        before = applied.get((customer, message))
        if before is not None and before // 1000 * 1000 > evaluated - 24 * HOUR_MS:
            out[place] = before != ts
        else:
            applied[customer, message] = ts
    return out


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1), st.integers(0, 2), st.integers(0, 100).map(lambda h: h * HOUR_MS // 2 + h % 3)
        )
    )
)
def test_repeats_are_those_of_the_definition(events: list[tuple[int, int, int]]) -> None:
    columns = np.array(events, np.int64).reshape(-1, 3)
    found = repeated(columns[:, 0], columns[:, 1].astype(np.uint64), columns[:, 2])
    assert found.tolist() == one_by_one(events)


def test_ids_of_any_kind_are_read() -> None:
    reading = read(
        line("ü\u2028 \\", at(1))
        + json.dumps(json.loads(line("x", at(1), userId=None, anonymousId="v"))).encode()
    )
    assert reading.ids == ["anon:v", "ü\u2028 \\"]


texts = st.one_of(
    st.binary(max_size=20),
    st.recursive(
        st.none()
        | st.integers()
        | st.sampled_from(["events.web", "events.app", "events.x", "eyJ9", "{", ""]),
        lambda inner: st.dictionaries(
            st.sampled_from(["topic", "key", "value", "value_base64", "userId", "type"]), inner, max_size=4
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)


@given(texts)
def test_a_line_is_opened_as_publish_does(text: bytes) -> None:
    try:
        wanted = parse_line(text, "events.support")
    except LineError as error:
        with pytest.raises(LineError, match=re.escape(str(error))):
            open_line(text, "events.support")
    else:
        assert open_line(text, "events.support") == (wanted.topic, wanted.value)
