"""Bytewax: a keyed fold over tumbling windows, in memory (its recovery store is off by default).

It ends with the topics; its windows, which it gives out when they close, are then in windows.jsonl.
"""

import json
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.files import FileSink
from bytewax.connectors.kafka import KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow

from benchmarks.peers.task import given, report

Event = tuple[datetime, float]
Totals = tuple[int, float, int]

done = 0


def keyed(message: KafkaSourceMessage) -> tuple[str, Event]:
    event = json.loads(message.value)
    money = event["properties"]["revenue"] if event.get("event") == "Order Completed" else 0.0
    return message.key.decode(), (datetime.fromisoformat(event["timestamp"]), money)


def add(totals: Totals, event: Event) -> Totals:
    global done  # noqa: PLW0603 (one thread, one count)
    done += 1
    (number, money, last_ms), (at, revenue) = totals, event
    return number + 1, money + revenue, max(last_ms, round(at.timestamp() * 1000))


def merge(one: Totals, other: Totals) -> Totals:
    return one[0] + other[0], one[1] + other[1], max(one[2], other[2])


task = given()
flow = Dataflow("windows")
source = kop.input("events", flow, brokers=[task.bootstrap], topics=task.topics, tail=False)
windows = win.fold_window(
    "count",
    op.map("keyed", source.oks, keyed),
    # Wakes up for events only. By default it would look at all keys with every batch, once the wall clock is past
    # the end of their windows: with 100,000 keys it does not come to an end.
    win.EventClock(itemgetter(0), wait_for_system_duration=timedelta(hours=1), to_system_utc=lambda _: None),
    win.TumblingWindower(length=timedelta(minutes=1), align_to=datetime(1970, 1, 1, tzinfo=UTC)),
    builder=lambda: (0, 0.0, 0),
    folder=add,
    merger=merge,
    ordered=False,
)
lines = op.map("lines", windows.down, lambda window: (window[0], json.dumps(window)))
op.output("out", lines, FileSink(Path(task.folder) / "windows.jsonl"))
report(lambda: done)
