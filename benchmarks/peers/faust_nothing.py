"""A plain Faust agent that does nothing: what one Python event at a time costs in Faust."""

from typing import Any

import faust
from faust.types import StreamT

from benchmarks.peers.task import given, report

task = given()
app = faust.App(task.name, broker=f"kafka://{task.bootstrap}", datadir=task.folder)
events = app.topic(*task.topics)


@app.agent(events)
async def nothing(stream: StreamT[Any]) -> None:
    async for _ in stream:
        pass


@app.task  # type: ignore[untyped-decorator]
async def started() -> None:
    report(lambda: app.monitor.events_total - app.monitor.events_active)


if __name__ == "__main__":
    app.main()
