"""Do what streamproc requests, each request once. Needs: pip install aiokafka"""

import asyncio
import contextlib
import json
import os
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer

TOPIC = os.environ.get("STREAMPROC_TOPIC_PREFIX", "") + "actions.reactivation"


async def main() -> None:
    handled: set[str] = set()  # keep it in your database, in one transaction with what you do
    async with AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=os.environ.get("STREAMPROC_KAFKA", "localhost:9092"),
        group_id="mailer",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    ) as consumer:
        async for record in consumer:
            signal = json.loads(record.value)
            action = signal["properties"]
            if (
                signal["event"] == "Reactivation Requested"
                and action["action_id"] not in handled
                and datetime.now(UTC) < datetime.fromisoformat(action["expires_at"])
            ):
                print(f"{action['channel']} to {signal.get('userId')}: {action['reason']}", flush=True)
                handled.add(action["action_id"])
            await consumer.commit()


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
