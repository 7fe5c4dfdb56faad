"""Do what streamproc requests, each request once, and report back. Needs: pip install aiokafka"""

import asyncio
import contextlib
import json
import os
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

KAFKA = os.environ.get("STREAMPROC_KAFKA", "localhost:9092")
PREFIX = os.environ.get("STREAMPROC_TOPIC_PREFIX", "")


def delivered(signal: dict, at: datetime) -> bytes:
    """The outcome of a request; sent twice, it counts once."""
    action = signal["properties"]
    outcome = {
        "type": "track",
        "event": "Action Delivered",  # later perhaps "Action Opened", "Action Clicked", "Action Bounced" ...
        "messageId": f"{action['action_id']}-delivered",
        "timestamp": at.isoformat(),
        "properties": {"channel": action["channel"], "action_id": action["action_id"]},
    }
    who = {name: signal[name] for name in ("userId", "anonymousId") if signal.get(name)}
    return json.dumps(outcome | who).encode()


async def main() -> None:
    handled: set[str] = set()  # keep it in your database, in one transaction with what you do
    async with (
        AIOKafkaProducer(bootstrap_servers=KAFKA, enable_idempotence=True) as producer,
        AIOKafkaConsumer(
            PREFIX + "actions.reactivation",
            bootstrap_servers=KAFKA,
            group_id="mailer",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        ) as consumer,
    ):
        async for record in consumer:
            signal, now = json.loads(record.value), datetime.now(UTC)
            action = signal["properties"]
            is_new = signal["event"] == "Reactivation Requested" and action["action_id"] not in handled
            if is_new and now >= datetime.fromisoformat(action["expires_at"]):
                print(f"too late for {signal.get('userId')}, since {action['expires_at']}", flush=True)
            elif is_new:
                print(f"{action['channel']} to {signal.get('userId')}: {action['reason']}", flush=True)
                handled.add(action["action_id"])
                outcome = delivered(signal, now)
                await producer.send_and_wait(PREFIX + "actions.outcomes", outcome, key=record.key)
            await consumer.commit()


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
