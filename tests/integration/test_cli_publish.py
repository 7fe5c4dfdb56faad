"""`streamproc publish` and `streamproc topics` on a real broker."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from streamproc.cli.publish import publish_command
from streamproc.cli.topics import topics_group
from streamproc.errors import StreamprocError
from streamproc.transport.bulk import read_topic
from streamproc.transport.partitioner import partition_of
from tests.integration.worker import Installation
from tests.reference.stream import arrivals, write_jsonl

START_WITHIN_S = 60
GOOD = '{{"type":"page","userId":"{0}","messageId":"m-{0}","timestamp":"2026-01-01T00:00:00Z"}}'


async def run(installation: Installation, *arguments: str) -> Result:
    """`streamproc publish …`, in this process but not in this loop: a new process takes seconds to start."""
    runner = CliRunner(env=installation.environment())
    return await asyncio.to_thread(runner.invoke, publish_command, arguments)


async def read(installation: Installation, topic: str) -> list[tuple[int, bytes | None, bytes | None]]:
    """(partition, key, value) of everything in a topic."""
    name = installation.prefix + topic
    return [
        (record.partition, record.key, record.value)
        async for records in read_topic(installation.brokers, name, installation.partitions)
        for record in records
    ]


async def test_events_go_to_their_topic_under_their_customer(
    installation: Installation, tmp_path: Path
) -> None:
    """On the partition that murmur2 of the key says; the values are the lines, byte for byte."""
    lines = [GOOD.format(f"u-{number}") for number in range(500)]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines))
    ran = await run(installation, str(file), "--topic", "app", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["published"] == 500
    found = await read(installation, "events.app")
    assert {value for _, _, value in found} == {line.encode() for line in lines}
    for partition, key, value in found:
        assert key is not None
        assert json.loads(value or b"")["userId"] == key.decode()
        assert partition == partition_of(key, installation.partitions)
    assert await read(installation, "events.web") == []


async def test_a_stream_with_malformed_records_comes_through_unchanged(
    installation: Installation, tmp_path: Path
) -> None:
    """Keys, bytes, missing values and the order in each partition; nothing is left out with --no-validate."""
    sent = arrivals(
        3,
        customers=50,
        events=2_000,
        days=10,
        duplicates=0.1,
        out_of_order=0.2,
        malformed_share=0.1,
        end_ms=1_780_272_000_000,
    )
    file = tmp_path / "stream.jsonl"
    write_jsonl(file, sent)
    ran = await run(installation, str(file), "--no-validate")
    assert ran.exit_code == 0, ran.output
    for topic in ("events.web", "events.app", "events.support"):
        found = await read(installation, topic)
        wanted = [(one.key, one.value) for one in sent if one.topic == topic]
        assert sorted(found, key=repr) == sorted(
            [(partition_of(key or b"", installation.partitions), key, value) for key, value in wanted],
            key=repr,
        )
        for partition in range(installation.partitions):
            there = [(key, value) for number, key, value in found if number == partition]
            assert there == [
                (key, value)
                for key, value in wanted
                if partition_of(key or b"", installation.partitions) == partition
            ]


async def test_a_pipe_is_published_as_it_comes_and_bad_lines_are_left_out(installation: Installation) -> None:
    """What is there goes out while the pipe is still open; Ctrl-C ends the waiting."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streamproc", "publish", "-", "--topic", "web"],
        env=installation.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(f"{GOOD.format('u-1')}\nnonsense\n{GOOD.format('u-2')}\n".encode())
    process.stdin.flush()
    try:
        async with asyncio.timeout(START_WITHIN_S):
            while len(found := await read(installation, "events.web")) < 2:
                await asyncio.sleep(0.2)
        assert {key for _, key, _ in found} == {b"u-1", b"u-2"}
        process.send_signal(signal.SIGINT)
        assert process.wait(START_WITHIN_S) == 130
    finally:
        process.kill()


async def test_a_pipe_with_bad_lines_ends_with_1(installation: Installation) -> None:
    """After the good ones have been published."""
    ran = subprocess.run(
        [sys.executable, "-m", "streamproc", "publish", "-", "--topic", "web", "--rate", "50"],
        env=installation.environment(),
        input=f"{GOOD.format('u-1')}\nnonsense\n{GOOD.format('u-2')}",
        capture_output=True,
        text=True,
        check=False,
        timeout=START_WITHIN_S,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("<stdin>:2: not_json at $: ")
    assert ran.stdout.startswith("2 published")
    assert len(await read(installation, "events.web")) == 2


def test_without_topics_there_is_nothing_to_publish_to(installation: Installation, tmp_path: Path) -> None:
    """The error names the command that creates them."""
    file = tmp_path / "events.jsonl"
    file.write_text(GOOD.format("u-1"))
    runner = CliRunner(env=installation.environment(topic_prefix="nobody."))
    error = runner.invoke(publish_command, [str(file), "--topic", "web"]).exception
    assert isinstance(error, StreamprocError)
    assert "there is no topic nobody.events.web" in error.message
    assert "streamproc topics create" in error.fix


def test_topics_are_created_once_and_listed(installation: Installation) -> None:
    """A second creation changes nothing; another number of partitions is refused."""
    prefix = f"{installation.prefix}other."
    runner = CliRunner(env=installation.environment(topic_prefix=prefix))
    missing = runner.invoke(topics_group, ["list", "--json"])
    assert missing.exit_code == 1
    assert {topic["exists"] for topic in json.loads(missing.stdout)} == {False}
    create = ["create", "--partitions", "2", "--retention-ms", "-1", "--json"]
    first, second = runner.invoke(topics_group, create), runner.invoke(topics_group, create)
    assert len(json.loads(first.stdout)["created"]) == len(json.loads(second.stdout)["existing"]) == 9
    refused = runner.invoke(topics_group, ["create", "--partitions", "3"]).exception
    assert isinstance(refused, StreamprocError)
    assert "has 2" in refused.message
    listed = runner.invoke(topics_group, ["list", "--json"])
    topics = {topic["topic"]: topic for topic in json.loads(listed.stdout)}
    assert listed.exit_code == 0
    assert {topic["partitions"] for topic in topics.values()} == {2}
    assert topics[f"{prefix}events.web"]["config"]["retention.ms"] == "-1"
