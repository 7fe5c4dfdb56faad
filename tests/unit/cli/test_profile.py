"""`streamproc profile show` on a store in memory."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import profile
from streamproc.errors import StreamprocError
from streamproc.settings import load_settings
from streamproc.state.layout import LAYOUT_VERSION, pack
from streamproc.state.memory_store import MemoryStore
from streamproc.state.store import Commit
from streamproc.windows.panes import DAY_MS
from tests.unit.api.customers import SMALL_FILE, START_MS, customer

Show = Callable[..., Result]


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Show:
    """The command under the event clock; the shard holds ada, a day after her first visit."""
    store = MemoryStore()
    asyncio.run(_fill(store))
    monkeypatch.setattr(profile, "RedisStore", lambda *_, **__: store)

    def run(*arguments: str) -> Result:
        env = {"STREAMPROC_CLOCK": "event", "STREAMPROC_RULES": str(SMALL_FILE)}
        return CliRunner().invoke(profile.profile_group, ["show", *arguments], env=env)

    return run


async def _fill(store: MemoryStore) -> None:
    head = await store.acquire(
        0, generation=1, member="g", partitions=1, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
    )
    (state,) = pack(customer([(0, {})], 1).table)
    await store.commit(head, Commit(states=[(b"ada", state)], time_ms=START_MS + DAY_MS))


def test_a_story_is_told(show: Show) -> None:
    result = show("ada")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("ada  as of 2026-01-02 10:00 UTC\n")
    assert "time since the last activity" not in result.stdout


def test_why_lists_the_features_that_are_not_zero(show: Show) -> None:
    shown = show("ada", "--why").stdout
    assert [line.split()[1] for line in shown.splitlines() if line.strip().startswith("recency ")] == ["1d"]
    assert "orders_total" not in shown


def test_json(show: Show) -> None:
    told = json.loads(show("ada", "--json").stdout)
    assert told["customer_id"] == "ada"
    assert [segment["key"] for segment in told["segments"]] == ["new"]
    assert told["outlook"]["if_silent"]


def test_json_holds_no_escape_codes(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "describe_customer", lambda *_: {"favorite_category": "\x9b2J"})
    shown = show("ada", "--json").stdout
    assert "\x9b" not in shown
    assert json.loads(shown) == {"favorite_category": "\x9b2J"}


def test_who_is_not_known(show: Show) -> None:
    """Exit code 1; ids are exact."""
    result = show("Ada")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "customer 'Ada' is not known" in result.stderr
    result = show("Ada", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["customer_id"] == "Ada"


def test_history_is_read_if_asked_for(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or if the customer has campaigns; of whom, and under which prefix, it is asked."""
    asked = []

    async def read(_: object, prefix: str, customer_id: str) -> list[dict[str, Any]]:
        asked.append((prefix, customer_id))
        return []

    monkeypatch.setattr(profile, "read_history", read)
    show("ada")
    assert asked == []
    assert json.loads(show("ada", "--history", "--json").stdout)["campaigns"] == []
    assert asked == [("", "ada")]


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        (
            StreamprocError("there is no topic x", fix="create it"),
            "there is no topic x\n  --history says more",
        ),
        (None, "Kafka was not read to its end within 0.01 s; --history takes its time"),
    ],
)
async def test_history_that_cannot_be_read_is_left_out(
    fails: StreamprocError | None,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def read(*_: object) -> list[dict[str, Any]]:
        if fails is None:
            await asyncio.sleep(60)
        raise fails or AssertionError

    monkeypatch.setattr(profile, "read_history", read)
    monkeypatch.setattr(profile, "_GLANCE_S", 0.01)
    assert await profile._history_at_a_glance(load_settings({}), "ada") is None
    assert f"past journeys are left out: {says}" in capsys.readouterr().err
