"""`streamproc demo`, as somebody sees it who has just installed it."""

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from aiokafka.admin import AIOKafkaAdminClient

from tests.integration.worker import Installation
from tests.servers.process import DIE_WITH_PARENT, wait_until

#: Two minutes on a machine of its own; here others may be at work.
DONE_WITHIN_S = 400
STEP_WITHIN_S = 120

pytestmark = pytest.mark.timeout(DONE_WITHIN_S + 60)


class Demo:
    """A demo in a process of its own, whose output goes to a file."""

    def __init__(self, installation: Installation, directory: Path, *options: str) -> None:
        self._out = directory / "demo.out"
        self.temporary = directory / "tmp"
        self.temporary.mkdir()
        environment = installation.environment(rules="", model="") | {"TMPDIR": str(self.temporary)}
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [*DIE_WITH_PARENT, sys.executable, "-m", "streamproc", "demo", *options],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self._out.read_text()

    def wait_for(self, text: str, within_s: float = STEP_WITHIN_S) -> None:
        """Until it has said so."""
        wait_until(lambda: self.process.poll() is not None or text in self.text, within_s=within_s)
        assert text in self.text, self.text

    def children(self) -> set[int]:
        """The processes that it has started and that still run."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, check=False)
        return set(map(int, found.stdout.split()))


@pytest.fixture
def started(installation: Installation, tmp_path: Path) -> Iterator[list[Demo]]:
    """Demos that do not outlive the test."""
    demos: list[Demo] = []
    yield demos
    for demo in demos:
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.wait()


def test_it_ends_by_itself_and_tells_what_happened(
    installation: Installation, tmp_path: Path, started: list[Demo]
) -> None:
    """With its own servers: exit code 0, a summary, and nothing left behind."""
    demo = Demo(installation, tmp_path)
    started.append(demo)
    assert demo.process.wait(DONE_WITHIN_S) == 0, demo.text
    for part in (
        "✓ 31,711 records published",
        "31,706 events of 600 customers led to",
        "dormant",
        "winback_dormant",
        "✗ no consent",
        "One customer's story",
        "5 events refused",
        "profile show user_",
        "Consent is invented",
    ):
        assert part in demo.text, demo.text
    signals = re.search(r"led to\s+([\d,]+)\s+signals", demo.text)
    assert signals is not None
    assert int(signals[1].replace(",", "")) > 5_000
    assert list(demo.temporary.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_cleans_up(
    installation: Installation, tmp_path: Path, started: list[Demo], number: signal.Signals, code: int
) -> None:
    """Ctrl-C while the worker runs: broker, store and worker end, and their files are gone."""
    demo = Demo(installation, tmp_path)
    started.append(demo)
    demo.wait_for("records published")
    wait_until(lambda: len(demo.children()) == 3, within_s=STEP_WITHIN_S)
    children = demo.children()
    assert len(children) == 3
    demo.process.send_signal(number)
    assert demo.process.wait(STEP_WITHIN_S) == code, demo.text
    assert "Traceback" not in demo.text
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert list(demo.temporary.iterdir()) == []


async def test_servers_of_ones_own_are_used_and_left_as_they_were(
    installation: Installation, tmp_path: Path, started: list[Demo]
) -> None:
    """Topics and keys have a prefix of their own, and are gone after Ctrl-C."""
    before = await topics(installation.kafka)
    demo = Demo(installation, tmp_path, "--external")
    started.append(demo)
    await asyncio.to_thread(demo.wait_for, "records published")
    made = await topics(installation.kafka) - before
    assert len(made) == 9
    assert all(name.startswith("demo-") for name in made)
    with redis.Redis.from_url(installation.redis) as client:
        deadline_s = time.monotonic() + STEP_WITHIN_S
        while not client.keys("sp:demo-*") and time.monotonic() < deadline_s:
            await asyncio.sleep(0.2)
        assert client.keys("sp:demo-*")
        demo.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(demo.process.wait, STEP_WITHIN_S) == 130, demo.text
        assert client.keys("*") == []
    assert await topics(installation.kafka) == before


async def topics(bootstrap: str) -> set[str]:
    """Without Kafka's own."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return {name for name in await admin.list_topics() if not name.startswith("__")}
    finally:
        await admin.close()
