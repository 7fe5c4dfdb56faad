"""Keep a table of who is in which segment, from segments.changes. Needs: pip install aiokafka"""

import asyncio
import contextlib
import json
import os
import sqlite3

from aiokafka import AIOKafkaConsumer

TOPIC = os.environ.get("STREAMPROC_TOPIC_PREFIX", "") + "segments.changes"
TABLE = """CREATE TABLE IF NOT EXISTS memberships
           (customer TEXT, segment TEXT, inside INTEGER, version INTEGER, id TEXT, PRIMARY KEY (customer, segment))"""
# A repeat has the same id and version, and what a lost future had said has a smaller version: neither changes anything.
UPSERT = """INSERT INTO memberships VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
            SET inside = excluded.inside, version = excluded.version, id = excluded.id
            WHERE excluded.version > version"""


async def main() -> None:
    table = sqlite3.connect(os.environ.get("DATABASE", "segments.db"))
    table.execute(TABLE)
    async with AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=os.environ.get("STREAMPROC_KAFKA", "localhost:9092"),
        group_id="segments-table",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    ) as consumer:
        async for record in consumer:
            signal, headers = json.loads(record.value), dict(record.headers)
            entered = signal["event"] == "Audience Entered"
            customer, segment = record.key.decode(), signal["properties"]["audience_key"]
            version, cause = (signal["context"]["streamproc"][name] for name in ("version", "cause"))
            # First the table, then the offset: after a crash the record comes again, and changes nothing.
            with table:
                row = (customer, segment, entered, version, headers["ce_id"].decode())
                changed = table.execute(UPSERT, row).rowcount
            await consumer.commit()
            if changed:
                print(f"{customer} {'enters' if entered else 'leaves'} {segment} ({cause})", flush=True)


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
