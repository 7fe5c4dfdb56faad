"""The programs in examples/ do on a real broker what they say."""

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
from msgspec import structs

from streamproc.clock import wall_ms
from streamproc.contracts.decode import decode_chunk
from streamproc.contracts.meanings import ORIGINS, Meanings
from streamproc.contracts.outbox import OutRecord
from streamproc.contracts.samples import records
from streamproc.contracts.signals import audience_signal
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS
from streamproc.transport.bulk import open_bulk_producer, partition_counts, read_topic
from streamproc.transport.outlet import Outgoing
from streamproc.transport.partitioner import partition_of
from tests.integration.worker import Installation
from tests.integration.worker import until as eventually
from tests.servers.process import free_port

ID_FIELD = b'"messageId":"'
EXAMPLES = Path(__file__).parents[2] / "examples"
MEANINGS = Meanings(DEFAULT_MEANINGS, "USD")


@contextmanager
def running(installation: Installation, name: str, log: Path, **settings: str) -> Iterator[None]:
    """One of the examples, as its reader starts it."""
    environment = {**installation.environment(), **settings}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / name)],
            env=environment,
            stdout=output,
            stderr=output,
            cwd=log.parent,
        )
        try:
            yield
            assert process.poll() is None, log.read_text()
        finally:
            process.kill()
            process.wait()


async def publish(installation: Installation, *signals: OutRecord) -> None:
    topics = {installation.prefix + signal.topic for signal in signals}
    counts = await partition_counts(installation.brokers, installation.prefix, topics)
    async with open_bulk_producer(installation.brokers, counts) as producer:
        await producer.send(
            [Outgoing(installation.prefix + s.topic, s.key, s.value, list(s.headers)) for s in signals]
        )


class Braze(BaseHTTPRequestHandler):
    """Refuses nothing, and remembers what it was told."""

    told: list[tuple[str | None, dict[str, Any]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.told.append((self.headers["Authorization"], json.loads(body)))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def braze() -> Iterator[tuple[str, list[tuple[str | None, dict[str, Any]]]]]:
    """Its URL, and what it was told: (authorization, body)."""
    told: list[tuple[str | None, dict[str, Any]]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Told", (Braze,), {"told": told}))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", told
    server.shutdown()


def change(*, entered: bool, version: int) -> OutRecord:
    """u-1001 enters or leaves `dormant`."""
    return audience_signal(
        customer="u-1001", entered=entered, key="dormant", rule_version=1, entry_seq=1, entered_at_ms=0,
        at_ms=version * 1000, version=version, cause="time", causation_id=f"time/{version * 1000}",
        next_check_at_ms=None, evidence=[], displaced_by=None,
    )  # fmt: skip


async def test_the_table_of_segments_has_the_newest_of_each(
    installation: Installation, tmp_path: Path
) -> None:
    """Repeats and what is older change nothing."""
    entered, left = change(entered=True, version=7), change(entered=False, version=8)
    await publish(installation, entered, left, entered)
    with running(installation, "segments.py", tmp_path / "log", DATABASE=str(tmp_path / "segments.db")):
        await eventually(lambda: "leaves dormant" in (tmp_path / "log").read_text(), 60)
        await asyncio.sleep(1)
    assert (tmp_path / "log").read_text().count("dormant (time)\n") == 2
    rows = sqlite3.connect(tmp_path / "segments.db").execute("SELECT * FROM memberships").fetchall()
    assert rows == [("u-1001", "dormant", 0, 8, dict(left.headers)["ce_id"].decode())]


async def test_the_receiver_takes_a_request_once(installation: Installation, tmp_path: Path) -> None:
    """Suppressed ones and repeats do nothing; who signs with another secret is refused."""
    requested, *_ = records()["actions.reactivation"]
    assert requested.value.count(ID_FIELD) == 1
    suppressed = msgspec.structs.replace(
        requested,
        value=requested.value.replace(b"Requested", b"Suppressed").replace(ID_FIELD, ID_FIELD + b"0"),
    )
    port, secret = free_port(), "whsec_" + "A" * 32
    settings = {
        "webhook_url": f"http://127.0.0.1:{port}/",
        "webhook_secret": secret,
        "webhook_allow_private": "yes",
        "webhook_pause_ms": 50,
    }
    live = [
        msgspec.structs.replace(one, value=re.sub(rb'"expires_at":"[^"]+"', b'"expires_at":null', one.value))
        for one in (requested, suppressed, requested)
    ]
    environment = {"STREAMPROC_WEBHOOK_SECRET": secret, "PORT": str(port)}
    await publish(installation, *live)
    with running(installation, "receive.py", tmp_path / "log", **environment):
        webhooks = installation.begin("webhooks", "--events", "requested,suppressed", **settings)
        await eventually(lambda: (tmp_path / "log").read_text().count(" 204 ") == 3, 60)
        stranger = installation.command(
            "webhooks", "check", **{**settings, "webhook_secret": "whsec_" + "B" * 32}
        )
        webhooks.kill()
    assert (tmp_path / "log").read_text().count(" to ") == 1
    assert (stranger.returncode, "HTTP 400" in stranger.stdout) == (1, True)


async def test_the_bridge_tells_attributes_and_events_once(
    installation: Installation, tmp_path: Path
) -> None:
    """Each change once, in order; who has no userId is unknown to Braze."""
    entered, left = change(entered=True, version=7), change(entered=False, version=8)
    _, nameless = records()["segments.changes"]
    with braze() as (url, told):
        await publish(installation, entered, entered, left, entered, nameless)
        with running(installation, "bridge.py", tmp_path / "log", BRAZE_URL=url, BRAZE_API_KEY="secret"):
            await eventually(lambda: sum(len(body["events"]) for _, body in told) >= 2, 60)
            await asyncio.sleep(1)
    assert {authorization for authorization, _ in told} == {"Bearer secret"}
    assert [attribute for _, body in told for attribute in body["attributes"]] == [
        {"external_id": "u-1001", "segment_dormant": True},
        {"external_id": "u-1001", "segment_dormant": False},
    ]
    assert [event["name"] for _, body in told for event in body["events"]] == [
        "Audience Entered", "Audience Exited",
    ]  # fmt: skip


async def test_what_was_done_is_reported_once(installation: Installation, tmp_path: Path) -> None:
    """As an outcome of the request that streamproc accepts."""
    request = replace_property(records()["actions.reactivation"][0], expires_at="2999-01-01T00:00:00.000Z")
    expired = records()["actions.reactivation"][0]
    await publish(installation, expired, request, request)
    with running(installation, "consume.py", tmp_path / "log"):
        await eventually(lambda: "u-1001" in (tmp_path / "log").read_text(), 60)
        await asyncio.sleep(1)
    topic = installation.prefix + "actions.outcomes"
    counts = await partition_counts(installation.brokers, installation.prefix, [topic])
    outcomes = [one async for some in read_topic(installation.brokers, topic, counts[topic]) for one in some]
    assert [(one.key, one.partition) for one in outcomes] == [
        (request.key, partition_of(request.key, installation.partitions))
    ]
    decoded = decode_chunk(
        outcomes, topic=0, origin=ORIGINS.index("outcomes"), meanings=MEANINGS, wall_now_ms=wall_ms()
    )
    assert (decoded.failures, decoded.columns.customer) == ([], ["u-1001"])
    action_id = json.loads(request.value)["properties"]["action_id"]
    assert json.loads(outcomes[0].value or b"")["properties"]["action_id"] == action_id


def replace_property(signal: OutRecord, **properties: str) -> OutRecord:
    value = json.loads(signal.value)
    value["properties"] |= properties
    return structs.replace(signal, value=json.dumps(value).encode())
