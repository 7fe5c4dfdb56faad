"""`streamproc servers`: a broker and a Redis that answer until Ctrl-C."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from aiokafka.admin import AIOKafkaAdminClient

from streamproc.simulate.embedded import free_port
from tests.servers.process import DIE_WITH_PARENT, wait_until

WITHIN_S = 60


@contextmanager
def servers(kafka_port: int, redis_port: int, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process of its own; what it says is in directory/out."""
    ports = ["--kafka-port", str(kafka_port), "--redis-port", str(redis_port)]
    with (directory / "out").open("wb") as out:
        process = subprocess.Popen(
            [*DIE_WITH_PARENT, sys.executable, "-m", "streamproc", "servers", *ports],
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(directory)},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def topics_of(kafka: str) -> list[str]:
    """What a real client finds there."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    try:
        return list(await client.list_topics())
    finally:
        await client.close()


def test_both_answer_until_ctrl_c_and_leave_nothing_behind(tmp_path: Path) -> None:
    kafka_port, redis_port = free_port(), free_port()
    out = tmp_path / "out"
    with servers(kafka_port, redis_port, tmp_path) as process:
        wait_until(lambda: process.poll() is not None or "Ctrl-C" in out.read_text(), within_s=WITHIN_S)
        assert out.read_text().splitlines() == [
            f"Kafka  127.0.0.1:{kafka_port}",
            f"Redis  redis://127.0.0.1:{redis_port}/0",
            "Ctrl-C ends them; what they hold is gone then",
        ]
        assert asyncio.run(topics_of(f"127.0.0.1:{kafka_port}")) == []
        assert redis.Redis(port=redis_port).ping()
        process.send_signal(signal.SIGINT)
        assert process.wait(WITHIN_S) == 0
    assert out.read_text().endswith("stopped; nothing is left behind\n")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(("name", "program"), [("Tansu", "tansu"), ("Valkey", "valkey-server")])
def test_one_that_dies_is_named_and_ends_both(name: str, program: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with servers(free_port(), free_port(), tmp_path) as process:
        wait_until(lambda: process.poll() is not None or "Ctrl-C" in out.read_text(), within_s=WITHIN_S)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        programs = {Path(f"/proc/{child}/exe").resolve().name: int(child) for child in children}
        os.kill(programs[program], signal.SIGKILL)
        assert process.wait(WITHIN_S) == 2
    said = out.read_text()
    assert f"error: {name} has ended by itself, with -9" in said
    assert "fix:" in said
    assert "Traceback" not in said
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_taken_port_is_named_with_the_fix(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with servers(free_port(), port, tmp_path) as process:
            assert process.wait(WITHIN_S) == 2
    said = (tmp_path / "out").read_text()
    assert f"port {port} cannot be used" in said
    assert "--redis-port" in said
    assert "Traceback" not in said
