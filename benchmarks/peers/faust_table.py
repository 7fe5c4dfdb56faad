"""A Faust agent with a windowed table: in RocksDB (by the package rocksdict), with its changelog in Kafka."""

from datetime import datetime, timedelta
from typing import Any

import faust
from faust.types import StreamT

from benchmarks.peers.task import given, report

task = given()
app = faust.App(task.name, broker=f"kafka://{task.bootstrap}", datadir=task.folder, store="rocksdb://")


# Faust's own parser of dates drops milliseconds, and takes longer.
class Event(faust.Record, isodates=True, date_parser=datetime.fromisoformat):
    userId: str
    timestamp: datetime
    event: str | None = None
    properties: dict[str, Any] | None = None


events = app.topic(*task.topics, value_type=Event)
windows = (
    app.Table("windows", default=lambda: (0, 0.0, 0), partitions=task.partitions)
    .tumbling(timedelta(minutes=1), expires=timedelta(hours=1))
    .relative_to_field(Event.timestamp)  # type: ignore[arg-type]
)


@app.agent(events)
async def count(stream: StreamT[Any]) -> None:
    async for event in stream:
        number, money, last_ms = windows[event.userId].value()
        if event.event == "Order Completed":
            money += event.properties["revenue"]
        at_ms = round(event.timestamp.timestamp() * 1000)
        windows[event.userId] = (number + 1, money, max(last_ms, at_ms))


@app.task  # type: ignore[untyped-decorator]
async def started() -> None:
    report(lambda: app.monitor.events_total - app.monitor.events_active)


if __name__ == "__main__":
    app.main()
