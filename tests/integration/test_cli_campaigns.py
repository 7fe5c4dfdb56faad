"""`streamproc campaigns report --live`: the topic gives the figures that a file gives."""

import asyncio
import json
from pathlib import Path

import orjson
from click.testing import CliRunner, Result

from streamproc.cli.campaigns import campaigns_group
from streamproc.errors import StreamprocError
from streamproc.transport.bulk import open_bulk_producer
from streamproc.transport.outlet import Outgoing
from tests.integration.worker import Installation
from tests.unit.experiments.signals import RULES, Experiment, rescue


async def run(installation: Installation, *arguments: object, prefix: str | None = None) -> Result:
    rules = installation.directory / "arms.yaml"
    rules.write_text(RULES)
    environment = {**installation.environment(), "STREAMPROC_RULES": str(rules)}
    if prefix is not None:
        environment["STREAMPROC_TOPIC_PREFIX"] = prefix
    runner = CliRunner(env=environment)
    return await asyncio.to_thread(runner.invoke, campaigns_group, ["report", *map(str, arguments)])


async def test_a_topic_is_read_to_its_end(installation: Installation, tmp_path: Path) -> None:
    """All partitions, from the beginning; before there is a signal, what to look at."""
    ran = await run(installation, "--live")
    assert isinstance(ran.exception, StreamprocError)
    assert "no campaign has decided anything" in ran.exception.message

    variants = (("short", 1), ("long", 1))
    experiment = Experiment(rescue(holdout=0.3, variants=variants), 0.2, {"short": 0.1, "long": 0.1}, 4_500)
    values = list(experiment.signals(1))
    topic = installation.prefix + "actions.reactivation"
    path = tmp_path / "signals.jsonl"
    path.write_bytes(b"".join(value + b"\n" for value in values))
    async with open_bulk_producer(installation.brokers, {topic: installation.partitions}) as producer:
        keys = [orjson.loads(value)["userId"].encode() for value in values]
        await producer.send(
            [Outgoing(topic, key, value, []) for key, value in zip(keys, values, strict=True)]
        )

    live = await run(installation, "--live", "--json")
    assert live.exit_code == 0, live.output
    found = json.loads(live.stdout)
    assert found["signals"] == len(values)
    assert found["campaigns"][0]["verdict"] == "higher"
    assert found == json.loads((await run(installation, path, "--json")).stdout)


async def test_without_the_topic(installation: Installation) -> None:
    """It says how to create it."""
    ran = await run(installation, "--live", prefix="nobody.")
    assert isinstance(ran.exception, StreamprocError)
    assert "there is no topic nobody.actions.reactivation" in ran.exception.message
    assert "streamproc topics create" in ran.exception.fix
