"""A Faust agent with a Redis pipeline per event, as tutorials do it: a hash per customer and minute, which expires."""

from datetime import datetime
from typing import Any

import faust
from faust.types import StreamT
from redis.asyncio import Redis

from benchmarks.peers.task import given, report

DAY_S = 86_400

task = given()
app = faust.App(task.name, broker=f"kafka://{task.bootstrap}", datadir=task.folder)
events = app.topic(*task.topics)
redis = Redis.from_url(task.redis)


@app.agent(events)
async def count(stream: StreamT[Any]) -> None:
    async for event in stream:
        customer = event["userId"]
        at_ms = round(datetime.fromisoformat(event["timestamp"]).timestamp() * 1000)
        minute = at_ms // 60_000
        window, last = f"{task.name}:{customer}:{minute}", f"{task.name}:last:{minute}"
        async with redis.pipeline() as pipe:
            pipe.hincrby(window, "events", 1)
            if event.get("event") == "Order Completed":
                pipe.hincrbyfloat(window, "money", event["properties"]["revenue"])
            pipe.zadd(last, {customer: at_ms}, gt=True)
            pipe.expire(window, DAY_S)
            pipe.expire(last, DAY_S)
            await pipe.execute()


@app.task  # type: ignore[untyped-decorator]
async def started() -> None:
    report(lambda: app.monitor.events_total - app.monitor.events_active)


if __name__ == "__main__":
    app.main()
