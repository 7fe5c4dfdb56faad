"""Files to chronicles, in one process or several."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from streamproc.backtest.chronicle import Chronicle
from streamproc.backtest.history import HistoricEvent
from streamproc.backtest.reading import ChronicleReader
from streamproc.contracts.meanings import Meanings
from streamproc.rules.load import load_ruleset
from streamproc.sources import SOURCES
from streamproc.transport.partitioner import partition_of
from tests.reference.compose import call, encode
from tests.unit.backtest.histories import DAY_MS

START_MS = 20_514 * DAY_MS
WALL_NOW_MS = START_MS + 400 * DAY_MS
MEANINGS = load_ruleset(None).meanings
PARTITIONS = 3


def page(customer: str, number: int) -> bytes:
    return encode(call("page", customer, START_MS + number * 1_000, f"m{number}", name="Home"))


def lines() -> list[bytes]:
    """Of two topics, some of them bad."""
    found = [page(f"u-{number % 7}", number) for number in range(60)]
    found[10:10] = [b"", b"{", b'{"topic":"events.tv","value":{}}']
    found[30] = b'{"topic":"events.app","value":%b}' % found[30]
    found[40] = b'{"type":"page","userId":"u-1"}'
    return found


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ChronicleReader:
    monkeypatch.setattr("streamproc.backtest.blocks._BLOCK_BYTES", 1_500)
    return ChronicleReader(PARTITIONS, [MEANINGS], WALL_NOW_MS, processes=request.param)


def read(reader: ChronicleReader, **files: bytes) -> Chronicle:
    with reader:
        for name, text in files.items():
            reader.read(io.BytesIO(text), name, "events.web", lambda _: None)
        (chronicle,) = reader.chronicles()
    return chronicle


def test_events_stand_by_their_lines(reader: ChronicleReader) -> None:
    chronicle = read(reader, a=b"\n".join(lines()), b=page("late", 99))
    assert (reader.lines.read, reader.lines.records, reader.lines.refused) == (64, 62, 1)
    good = [
        place
        for place, text in enumerate(lines(), 1)
        if text.startswith(b'{"topic":"events.app"') or b"m" in text
    ]
    good = [place for place in good if place not in (13, 41)]
    assert sorted(chronicle.rows["offset"].tolist()) == [*good, 64]
    names = [chronicle.ids[code] for code in chronicle.customer.tolist()]
    assert names[-1] == "late"
    assert set(names[:-1]) == {f"u-{number}" for number in range(7)}
    assert chronicle.partition.tolist() == [partition_of(one.encode(), PARTITIONS) for one in chronicle.ids]
    assert chronicle.time_ms == START_MS + 99_000


def test_what_is_refused_is_told_by_line(reader: ChronicleReader) -> None:
    chronicle = read(reader, a=b"\n".join(lines()), b=b"\n[]\n")
    (bad,) = reader.lines.bad_lines
    assert (bad.file, bad.line, bad.reason) == ("a", 13, "invalid_line")
    told = [(*reader.lines.place(line), failure.reason) for line, failure in chronicle.first_refused]
    assert told == [("a", 12, "not_json"), ("a", 41, "missing_field"), ("b", 2, "wrong_type")]
    assert chronicle.refused == 3


def test_the_bytes_that_are_done_are_told(reader: ChronicleReader) -> None:
    told: list[int] = []
    text = b"\n".join(lines())
    with reader:
        reader.read(io.BytesIO(text), "a", "events.web", told.append)
        reader.chronicles()
    assert sum(told) == len(text)
    assert len(told) > 3


def test_offsets_count_what_was_refused() -> None:
    """And the running maximum of a log moves time, not the last event."""
    texts = [
        page("a", 5),
        b'{"userId":"a"}',
        page("a", 3),
        b'{"topic":"events.app","value":%b}' % page("a", 4),
    ]
    reader = ChronicleReader(1, [MEANINGS], WALL_NOW_MS, processes=1)
    lot = read(reader, a=b"\n".join(texts)).lot([0])
    assert lot.ids == ["a"]
    # Of the app's log comes first what the other log is ahead of.
    assert lot.events.offset.tolist() == [0, 0, 2]
    assert [SOURCES[code] for code in lot.events.topic] == ["events.app", "events.web", "events.web"]
    assert (np.array(lot.apply_ms) - START_MS).tolist() == [4_000, 5_000, 5_000]
    assert (lot.evaluate_ms - lot.apply_ms).tolist() == [1_000] * 3


def test_who_has_most_comes_first() -> None:
    texts = [
        page("few", 1),
        page("most", 2),
        page("most", 3),
        page("some", 4),
        page("most", 5),
        page("some", 6),
    ]
    reader = ChronicleReader(1, [MEANINGS], WALL_NOW_MS, processes=1)
    lot = read(reader, a=b"\n".join(texts)).lot([0])
    assert (lot.ids, lot.first.tolist()) == (["most", "some", "few"], [0, 3, 5, 6])
    events, plan = lot.course(1, 3, START_MS)
    assert events.customer == ["some", "some", "few"]
    assert plan.row.tolist() == [0, 0, 1]


def test_each_partition_is_in_one_lot() -> None:
    chronicle = read(ChronicleReader(PARTITIONS, [MEANINGS], WALL_NOW_MS, processes=1), a=b"\n".join(lines()))
    assert chronicle.sizes(PARTITIONS).sum() == len(chronicle.rows)
    apart = [chronicle.lot([partition]) for partition in range(PARTITIONS)]
    assert [len(lot.events) for lot in apart] == chronicle.sizes(PARTITIONS).tolist()
    assert sorted(one for lot in apart for one in lot.ids) == sorted(chronicle.ids)


def test_versions_that_understand_events_alike_share_them(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("currency: SEK\nsegments:\n  - {key: a, name: A, version: 1, enter: events_total >= 1}\n")
    other: Meanings = load_ruleset(path).meanings
    with ChronicleReader(1, [MEANINGS, other, MEANINGS], WALL_NOW_MS, processes=1) as reader:
        order = call(
            "track", "a", START_MS, "m1", event="Order Completed", properties={"total": 5, "currency": "SEK"}
        )
        reader.put([HistoricEvent("events.web", encode(order))], "test")
        one, two, three = reader.chronicles()
    assert one is three
    assert (one.rows["money_micros"].tolist(), two.rows["money_micros"].tolist()) == ([0], [5_000_000])


def test_what_stands_in_no_file_is_read_as_it_is() -> None:
    values = [json.dumps({"userId": "x"}).encode(), b"{", b"null", b'"text"', page("a", 1)]
    with ChronicleReader(1, [MEANINGS], WALL_NOW_MS, processes=1) as reader:
        reader.put([HistoricEvent("events.app", value) for value in values], "published")
        (chronicle,) = reader.chronicles()
    assert (reader.lines.records, chronicle.refused) == (5, 4)
    assert reader.lines.place(chronicle.first_refused[0].line) == ("published", 1)
    assert chronicle.lot([0]).events.offset.tolist() == [4]
