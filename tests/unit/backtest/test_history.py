"""Lines of files to the logs of partitions."""

import io
import json

import pytest

from streamproc.backtest.history import HistoricEvent, History
from streamproc.transport.partitioner import partition_of


def page(customer: str) -> bytes:
    return json.dumps({"type": "page", "userId": customer}).encode()


def read(*lines: bytes, partitions: int = 3, topic: str = "events.web") -> History:
    history = History.of(partitions)
    history.read(io.BytesIO(b"\n".join(lines)), "a.jsonl", topic, lambda _: None)
    return history


def test_records_go_where_publish_sends_them() -> None:
    """On the partition of their customer, in the order of the lines."""
    customers = [f"u-{number % 5}" for number in range(20)]
    history = read(*map(page, customers))
    assert history.lines.records == 20
    for partition, logs in enumerate(history.partitions):
        mine = [customer for customer in customers if partition_of(customer.encode(), 3) == partition]
        assert [log.values for log in logs.values()] == ([[page(one) for one in mine]] if mine else [])


def test_envelopes_say_their_topic() -> None:
    line = b'{"topic":"events.app","value":%b}' % page("a")
    history = read(line, page("a"), partitions=1)
    assert {topic: log.values for topic, log in history.partitions[0].items()} == {
        "events.app": [page("a")],
        "events.web": [page("a")],
    }


def test_lines_that_are_no_records_are_named_and_left_out() -> None:
    history = read(b"", b'{"topic":"events.tv","value":{}}', page("a"), partitions=1)
    (bad,) = history.lines.bad_lines
    assert (bad.file, bad.line, history.lines.refused, history.lines.records) == ("a.jsonl", 2, 1, 1)
    assert "events.tv" in bad.message


def test_of_many_bad_lines_the_first_are_listed() -> None:
    history = read(*[b'{"topic":"x","value":1}'] * 30)
    assert (len(history.lines.bad_lines), history.lines.refused) == (20, 30)


def test_every_record_knows_its_line() -> None:
    history = read(page("a"), b"", page("a"), partitions=1)
    history.read(io.BytesIO(b""), "empty.jsonl", "events.web", lambda _: None)
    history.read(io.BytesIO(b"\n" + page("a")), "b.jsonl", "events.web", lambda _: None)
    history.put([HistoricEvent("events.web", page("a"))] * 2, "ecom")
    places = [history.lines.place(line) for line in history.partitions[0]["events.web"].lines]
    assert places == [("a.jsonl", 1), ("a.jsonl", 3), ("b.jsonl", 2), ("ecom", 1), ("ecom", 2)]


@pytest.mark.parametrize("value", [b"{", b"[]", b'{"userId": 5}'])
def test_what_has_no_customer_is_kept_for_the_engine_to_refuse(value: bytes) -> None:
    assert read(value).lines.records == 1


def test_the_bytes_that_are_done_are_told() -> None:
    told: list[int] = []
    text = page("a") + b"\n" + page("b")
    History.of(1).read(io.BytesIO(text), "a.jsonl", "events.web", told.append)
    assert sum(told) == len(text)
