"""Tell Braze what streamproc finds, segments as attributes and changes as events. Needs: pip install aiokafka"""

import asyncio
import contextlib
import json
import os
import urllib.request

from aiokafka import AIOKafkaConsumer

URL, KEY = os.environ["BRAZE_URL"], os.environ["BRAZE_API_KEY"]  # such as https://rest.iad-01.braze.com
TOPICS = [os.environ.get("STREAMPROC_TOPIC_PREFIX", "") + name for name in ("segments.changes", "churn.risk")]
newest: dict[tuple[str, str], int] = {}  # what is not newer is a repeat, or superseded


def request(signals: list[dict]) -> urllib.request.Request:
    """POST /users/track. Customer.io and others take the same in other words: change this function."""
    attributes, events = [], []
    for signal in signals:
        customer, said, facts = signal.get("userId"), signal["event"], signal["properties"]
        name, value = "churn_band", facts.get("band")
        if "audience_key" in facts:
            name, value = f"segment_{facts['audience_key']}", said == "Audience Entered"
        version = signal["context"]["streamproc"]["version"]
        if customer and version > newest.get((customer, name), -1):
            newest[customer, name] = version
            attributes.append({"external_id": customer, name: value})
            event = {"name": said, "time": signal["timestamp"], "properties": facts}
            events.append({"external_id": customer, **event})
    body = json.dumps({"attributes": attributes, "events": events}).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    return urllib.request.Request(f"{URL}/users/track", body, headers)


async def main() -> None:
    options = {"group_id": "braze", "enable_auto_commit": False, "auto_offset_reset": "earliest"}
    servers = os.environ.get("STREAMPROC_KAFKA", "localhost:9092")
    async with AIOKafkaConsumer(*TOPICS, bootstrap_servers=servers, **options) as consumer:
        while True:
            parts = await consumer.getmany(timeout_ms=1000, max_records=75)  # Braze takes 75 at a time
            if signals := [json.loads(record.value) for part in parts.values() for record in part]:
                # Raises if it is refused, and ends the program: started again, it goes on where it was.
                await asyncio.to_thread(urllib.request.urlopen, request(signals))
                await consumer.commit()


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
