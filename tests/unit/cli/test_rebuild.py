"""`streamproc rebuild`: what is wrong is said before anything is done."""

import pytest
from click.testing import CliRunner

from streamproc.cli import rebuild
from streamproc.cli.rebuild import rebuild_command
from streamproc.errors import StreamprocError
from streamproc.rebuild.prepare import Place
from streamproc.settings import Settings
from streamproc.state.memory_store import MemoryStore
from streamproc.state.plan import PLAN
from streamproc.state.store import Commit
from streamproc.transport.brokers import Brokers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--after", "streamproc"], "streamproc cannot take over from itself"),
        (["--group", "green", "--after", "green"], "green cannot take over from itself"),
        (["--until", "yesterday"], "'yesterday' is not an ISO 8601 time"),
        (["--from", "2026-01-01T10:00:00"], "has no UTC offset"),
        (["--from", "2999-01-01"], "--from 2999-01-01T00:00:00.000Z lies in the future"),
        (["--until", "2999-01-01"], "--until 2999-01-01T00:00:00.000Z lies in the future"),
        (["--from", "2026-02-01", "--until", "2026-01-01"], "--from is not before --until"),
    ],
)
def test_a_mistake_in_the_call(arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAMPROC_GROUP", raising=False)
    result = CliRunner().invoke(rebuild_command, arguments)
    assert isinstance(result.exception, StreamprocError)
    assert message in result.exception.message
    assert result.exception.fix


async def test_a_rebuild_can_be_given_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it has built is deleted, and workers may begin; not while processes work on it."""
    store, members = MemoryStore(), 1
    head = await store.acquire(
        0, generation=1, member="m", partitions=1, layout=6, offsets_if_new={}, create=True
    )
    await store.commit(head, Commit(states=[(b"c", b"s")]))
    await store.set_control(PLAN, "made by another version")

    async def partition_counts(_: Brokers, __: str, topics: list[str]) -> dict[str, int]:
        return dict.fromkeys(topics, 1)

    async def member_count(_: Brokers, __: str) -> int:
        return members

    monkeypatch.setattr(rebuild, "_place", lambda *_: Place(store, Brokers("nowhere:1"), "", "green"))
    monkeypatch.setattr(rebuild, "partition_counts", partition_counts)
    monkeypatch.setattr(rebuild, "member_count", member_count)
    with pytest.raises(StreamprocError, match="1 processes work on it"):
        await rebuild._abandon(Settings(group="green"))
    members = 0
    await rebuild._abandon(Settings(group="green"))
    assert capsys.readouterr().out.startswith("given up: 1 customers deleted")
    assert (await store.read_head(0), await store.controls()) == (None, {})
    with pytest.raises(StreamprocError, match="no rebuild of the group green"):
        await rebuild._abandon(Settings(group="green"))
