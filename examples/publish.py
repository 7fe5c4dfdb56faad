"""Publish one event from a Python backend. Needs: pip install aiokafka"""

import asyncio
import json
import os
import uuid
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

TOPIC = os.environ.get("STREAMPROC_TOPIC_PREFIX", "") + "events.web"


async def main() -> None:
    event = {
        "type": "track",
        "event": "Order Completed",
        "userId": "u-1001",
        "messageId": str(uuid.uuid4()),  # made once, when it happens: a retry repeats it
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {"revenue": 39.8, "currency": "USD"},
    }
    # aiokafka's partitioner is murmur2, as it must be. confluent-kafka: {"partitioner": "murmur2_random"}
    async with AIOKafkaProducer(
        bootstrap_servers=os.environ.get("STREAMPROC_KAFKA", "localhost:9092"), acks="all"
    ) as producer:
        await producer.send_and_wait(TOPIC, json.dumps(event).encode(), key=event["userId"].encode())


asyncio.run(main())
