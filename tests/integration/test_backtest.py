"""A backtest says what a live worker has published, to the byte."""

import json
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from tests.integration.worker import Installation

pytestmark = pytest.mark.usefixtures("require_apache_kafka")


def run(installation: Installation, *arguments: str) -> str:
    """A command that must succeed, and what it prints."""
    ended = installation.command(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


async def test_it_publishes_what_the_worker_did(installation: Installation, tmp_path: Path) -> None:
    """The same records with the same ids, of the file that `streamproc publish` has sent."""
    events, signals = tmp_path / "events.jsonl", tmp_path / "signals.jsonl"
    run(installation, "simulate", "--customers", "40", "--days", "50", "--seed", "3", "--out", str(events))
    run(installation, "publish", str(events))
    found = json.loads(
        run(
            installation, "backtest", str(installation.rules), str(events), "--silence", "9d", "--json",
            "--partitions", str(installation.partitions), "--signals", str(signals),
        )
    )  # fmt: skip
    assert found["signals"] > 200

    installation.run_until(round(datetime.fromisoformat(found["until"]).timestamp() * 1000))
    live = {}
    for (topic, _), records in (await installation.published()).signals().items():
        for record in records:
            headers = {name: (value or b"").decode() for name, value in record.headers}
            live[headers["ce_id"]] = topic, (record.key or b"").decode(), headers, record.value
    tested = {}
    for line in signals.read_bytes().splitlines():
        said = orjson.loads(line)
        value = line.partition(b'"value":')[2].removesuffix(b"}")
        tested[said["headers"]["ce_id"]] = said["topic"], said["key"], said["headers"], value
    assert len(tested) == found["signals"]
    assert tested == live
