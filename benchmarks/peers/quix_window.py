"""Quix Streams: a tumbling window with its state in RocksDB and its changelog in Kafka, both as by default.

Windows are given out when they close (`final`), the cheaper of its two ways; with an hour of grace none does here.
"""

from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from quixstreams import Application
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.dataframe.windows.aggregations import Count, Max, Sum

from benchmarks.peers.task import given, report

Event = dict[str, Any]


def at_ms(event: Event, *_: object) -> int:
    return round(datetime.fromisoformat(event["timestamp"]).timestamp() * 1000)


def money(event: Event) -> float:
    return event["properties"]["revenue"] if event.get("event") == "Order Completed" else 0.0


def main() -> None:
    task, done = given(), 0

    def processed(*_: object) -> None:
        nonlocal done
        done += 1

    app = Application(
        broker_address=task.bootstrap,
        consumer_group=task.name,
        auto_offset_reset="earliest",
        state_dir=task.folder,
        on_message_processed=processed,
    )
    topics = [app.topic(name, timestamp_extractor=at_ms, key_deserializer="str") for name in task.topics]
    events = reduce(StreamingDataFrame.concat, map(app.dataframe, topics))
    events.apply(lambda event: {"money": money(event), "at_ms": at_ms(event)}).tumbling_window(
        timedelta(minutes=1), grace_ms=timedelta(hours=1), name="windows"
    ).agg(events=Count(), money=Sum("money"), last_ms=Max("at_ms")).final()
    report(lambda: done)
    app.run()


if __name__ == "__main__":
    main()
