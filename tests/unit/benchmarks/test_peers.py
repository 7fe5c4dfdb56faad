"""The peers of the benchmark, as far as no server is needed: what is measured of a run, and when it counts."""

import json
import math
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.measure import PEERS, Peer, PeerFailed, watch
from benchmarks.peers.results import (
    Totals,
    add,
    difference,
    faust_window,
    kafka_streams_window,
    quix_window,
)
from benchmarks.peers.run import table
from benchmarks.peers.task import Task
from benchmarks.progress import Progress, figures
from benchmarks.workload import Backlog, draw, name, records

MINUTE = 29_000_000
AT = "2025-02-19T21:20:30.500Z"  # in that minute
AT_MS = MINUTE * 60_000 + 30_500


def event(customer: str = "c-1", at: str = AT, revenue: float | None = None) -> bytes:
    made: dict[str, Any] = {"type": "page", "userId": customer, "timestamp": at}
    if revenue is not None:
        made |= {"type": "track", "event": "Order Completed", "properties": {"revenue": revenue}}
    return json.dumps(made).encode()


def test_a_tenth_and_95_percent_bound_what_is_measured() -> None:
    news = [
        Progress(0, 0, 0.0),
        Progress(90, 1, 1.0),
        Progress(120, 2, 1.5),
        Progress(960, 4, 2.5),
        Progress(1000, 9, 9.0),
    ]
    measured = figures("quix", news, events=1000)
    assert (measured.events, measured.s, measured.cpu_s) == (840, 2, 1.0)
    assert (measured.per_s, measured.per_cpu_s) == (420, 840)


@pytest.mark.parametrize("done", [[0, 1000], [0, 0], [0, 500, 500]])
def test_a_run_without_news_in_between_has_no_figures(done: list[int]) -> None:
    news = [Progress(number, at, at / 2) for at, number in enumerate(done)]
    measured = figures("fetch", news, events=1000)
    assert math.isnan(measured.per_cpu_s)
    assert math.isnan(measured.per_s)
    cells = [next(iter(column.cells)) for column in table([measured]).columns]
    assert cells[2:5] == ["-", "-", "-"]


def test_a_peer_that_ends_before_it_tells_the_last_is_measured_to_its_last_news() -> None:
    news = [Progress(0, 0, 0.0), Progress(200, 1, 1.0), Progress(900, 2, 2.0)]
    assert figures("bytewax", news, events=1000).events == 700


def test_events_are_added_up_by_customer_and_minute() -> None:
    windows: dict[tuple[str, int], Totals] = {}
    add(windows, [event(revenue=19.99), event(), event("c-2"), event(at="2025-02-19T21:21:00+00:00")])
    assert windows == {
        ("c-1", MINUTE): Totals(2, 1999, AT_MS),
        ("c-2", MINUTE): Totals(1, 0, AT_MS),
        ("c-1", MINUTE + 1): Totals(1, 0, (MINUTE + 1) * 60_000),
    }


def test_a_wrong_result_is_described_by_its_sums_and_its_first_window() -> None:
    right = {("c-1", MINUTE): Totals(2, 1999, AT_MS), ("c-2", MINUTE): Totals(1, 0, AT_MS)}
    assert not difference(dict(right), right)
    told = difference({("c-1", MINUTE): Totals(1, 1999, AT_MS), ("c-2", MINUTE): Totals(1, 0, AT_MS)}, right)
    assert "2 events with 19.99 in 2 windows instead of 3 events with 19.99 in 2 windows" in told
    assert "1 windows differ, the first that of c-1 at 21:20" in told
    assert "None instead of Totals(events=1, cents=0" in difference(
        {("c-1", MINUTE): right["c-1", MINUTE]}, right
    )


BEGIN_MS = MINUTE * 60_000


@pytest.mark.parametrize(
    ("read", "key", "value"),
    [
        (faust_window, b'["c-1",[%d.0,%d.9]]' % (MINUTE * 60, MINUTE * 60 + 59), b"[2,19.990000000000002,%d]" % AT_MS),
        (
            quix_window,
            b'"c-1"|' + struct.pack(">Q", BEGIN_MS) + b"|" + struct.pack(">Q", BEGIN_MS + 60_000),
            b'{"events/Count":2,"money/Sum/money":19.99,"last_ms/Max/at_ms":%d}' % AT_MS,
        ),
        (
            kafka_streams_window,
            b"c-1" + struct.pack(">QI", BEGIN_MS, 0),
            b'{"events":2,"money":19.99,"lastMs":%d}' % AT_MS,
        ),
    ],
)  # fmt: skip
def test_a_window_is_read_as_each_framework_writes_it(read: Any, key: bytes, value: bytes) -> None:
    assert read(key, value) == (("c-1", MINUTE), Totals(2, 1999, AT_MS))


def test_every_peer_that_counts_is_checked() -> None:
    unchecked = {peer for peer, is_ in PEERS.items() if is_.result is None}
    assert unchecked == {"fetch", "decode", "faust-nothing"}


def test_events_are_in_the_order_of_time_and_keyed_by_their_customer() -> None:
    who = draw("zipf", customers=50, events=300, seed=1)
    page = ("events.web", {"type": "page", "anonymousId": "a"})
    backlog = Backlog(events=[page], who=who, begin_ms=BEGIN_MS, per_s=100)
    (made,) = records(backlog, "x.", partitions=4)
    events = [json.loads(record.value or b"") for record in made]
    assert [record.key for record in made] == [name(number).encode() for number in who]
    assert [event["userId"] for event in events] == [name(number) for number in who]
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
    assert not any("anonymousId" in event for event in events)
    assert len({event["messageId"] for event in events}) == 300


#: Half a second, in which it is asked for its CPU time.
SAYS = "import time; print({}, flush=True); time.sleep(0.5); "


async def watched(
    tmp_path: Path, program: str, *, ends: bool = False, within_s: float = 20
) -> list[Progress]:
    """Ten events for a peer that is this program."""
    task = Task("x.peer-1", "nowhere:1", "", ["x.events.web"], 1, str(tmp_path))
    with (tmp_path / "peer.log").open("wb") as log:
        return await watch(
            Peer("a peer", (sys.executable, "-c", program), ends=ends), task, 10, log, within_s
        )


async def test_a_peer_that_goes_on_is_ended_once_it_is_done(tmp_path: Path) -> None:
    program = """if True:
        from benchmarks.peers.task import *
        print("hello")
        report(lambda: 10 * len(given().topics))
        time.sleep(60)
    """
    progress = await watched(tmp_path, program)
    assert [news.done for news in progress] == [0, 10]
    assert progress[-1].cpu_s > 0
    assert (tmp_path / "peer.log").read_text() == "hello\n"


async def test_a_peer_that_ends_by_itself_may_tell_less_than_it_did(tmp_path: Path) -> None:
    progress = await watched(tmp_path, SAYS.format(9), ends=True)
    assert progress[-1].done == 9


@pytest.mark.parametrize(
    ("program", "ends", "told"),
    [
        (SAYS.format(9) + "raise SystemExit('no broker')", False, "1; done were 9 of 10 events\nno broker"),
        (SAYS.format(10) + "raise SystemExit('no file')", True, "1; done were 10 of 10 events\nno file"),
    ],
)
async def test_a_peer_that_fails_says_why(tmp_path: Path, program: str, ends: bool, told: str) -> None:
    with pytest.raises(PeerFailed) as failure:
        await watched(tmp_path, program, ends=ends)
    assert told in str(failure.value)


async def test_a_peer_that_does_nothing_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(PeerFailed, match="still ran after 1 s; done were 0 of 10 events"):
        await watched(tmp_path, "import time; time.sleep(60)", within_s=1)
