"""`streamproc campaigns pause`, `resume`, `dry`, `release`: what they say, and mistakes in words.

What a worker makes of it: tests/integration/test_worker_campaigns.py.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import campaigns_control
from streamproc.cli.campaigns import campaigns_group
from streamproc.clock import wall_ms
from streamproc.errors import StreamprocError
from streamproc.quota import RELEASED
from streamproc.state.memory_store import MemoryStore
from tests.unit.api.running import HELD_MS, heads

MODES = b'{"cart":"live","winback":"dry","old":"paused"}'
SEEN = "all workers of the group streamproc see it within two seconds; "


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """Of a group that runs on rules with three campaigns."""
    return take(monkeypatch, asyncio.run(heads(campaigns=MODES)))


def take(monkeypatch: pytest.MonkeyPatch, memory: MemoryStore) -> MemoryStore:
    monkeypatch.setattr(campaigns_control, "RedisStore", lambda *_, **__: memory)
    return memory


def run(*arguments: str, **variables: str) -> Result:
    env: Mapping[str, str | None] = {"STREAMPROC_RULES": None, "STREAMPROC_GROUP": None, **variables}
    return CliRunner().invoke(campaigns_group, arguments, env=env)


def lines(*arguments: str) -> list[str]:
    """What it says of campaigns; then comes who sees it."""
    ran = run(*arguments)
    assert ran.exit_code == 0, ran.exception
    *told, last = ran.stdout.splitlines()
    assert last.startswith(SEEN)
    return told


def said(store: MemoryStore) -> dict[str, str]:
    return asyncio.run(store.controls())


def error(*arguments: str, **variables: str) -> StreamprocError:
    found = run(*arguments, **variables).exception
    assert isinstance(found, StreamprocError)
    return found


def test_pause_and_resume(store: MemoryStore) -> None:
    """What it was before is told, and that it was so already."""
    assert lines("pause", "cart", "winback", "cart") == [
        "cart: paused (before: live)",
        "winback: paused (before: dry)",
    ]
    assert said(store) == {"cart": "paused", "winback": "paused"}
    assert lines("pause", "cart", "old") == ["cart: paused already", "old: paused already"]
    assert lines("resume", "cart") == ["cart: live (before: paused)"]
    assert lines("resume", "cart") == ["cart: live already"]
    assert said(store) == {"winback": "paused", "old": "paused"}


def test_what_the_file_holds_back_stays_so(store: MemoryStore) -> None:
    lines("pause", "winback")
    assert lines("resume", "winback", "old") == [
        "winback: dry, as the rules file says (before: paused)",
        "old: paused, as the rules file says: edit its `mode` there",
    ]
    assert said(store) == {}


def test_dry(store: MemoryStore) -> None:
    assert lines("dry", "cart", "winback") == ["cart: dry (before: live)", "winback: dry already"]
    assert lines("pause", "cart") == ["cart: paused (before: dry)"]
    assert said(store)["cart"] == "paused"


def test_all(store: MemoryStore) -> None:
    """Those of the rules in force; what was said of others is taken back by `resume`."""
    asyncio.run(store.set_control("gone", "paused"))
    assert [line.partition(":")[0] for line in lines("pause", "--all")] == ["cart", "winback", "old", "gone"]
    assert lines("resume", "--all")[-1] == "gone: not in the rules any more; nothing is said of it now"
    assert said(store) == {}


def test_a_campaign_that_is_not_there(store: MemoryStore) -> None:
    """Nothing is said of any of them."""
    found = error("pause", "cart", "cartt")
    assert found.message == "the rules in force have no campaign 'cartt'"
    assert found.fix == "did you mean `cart`?"
    assert error("dry", "xyzzy").fix == "there are `cart`, `winback` or `old`"
    assert said(store) == {}


def test_before_any_worker_has_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The rules of the settings are known."""
    store = take(monkeypatch, MemoryStore())
    ran = run("pause", "winback_dormant")
    assert ran.stdout.splitlines()[0] == "winback_dormant: paused (before: live)"
    assert ran.stdout.splitlines()[-1].startswith("no worker of this group has run yet")
    assert said(store) == {"winback_dormant": "paused"}
    assert run("resume", "--all").exit_code == 0
    none = tmp_path / "none.yaml"
    none.write_text("segments: []\n")
    assert (
        error("pause", "--all", STREAMPROC_RULES=str(none)).message == "the rules in force have no campaigns"
    )
    assert error("pause", "x", STREAMPROC_RULES=str(none)).fix == "they have none"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pause",), "name the campaigns, or give --all"),
        (("resume", "cart", "--all"), "--all is every campaign: name none"),
    ],
)
def test_mistakes_in_the_call(arguments: tuple[str, ...], said: str) -> None:
    ran = run(*arguments)
    assert ran.exit_code == 2
    assert said in ran.stderr


@pytest.mark.parametrize("arguments", [("pause", "cart"), ("release",), ("list", "--live")])
def test_a_redis_that_does_not_answer_is_named(arguments: tuple[str, ...]) -> None:
    assert "localhost:1" in error(*arguments, STREAMPROC_REDIS="redis://localhost:1/0").message


def test_release(monkeypatch: pytest.MonkeyPatch) -> None:
    store = take(monkeypatch, asyncio.run(heads(campaigns=MODES, breaker=b"[%d,{}]" % HELD_MS)))
    assert lines("release") == ["released: 1 shard (1), held since 2026-09-21T14:13:20.000Z"]
    assert int(said(store)[RELEASED]) >= HELD_MS + 1
    assert run("release").stdout == "the breaker holds nothing\n"


def test_a_clock_that_is_behind_releases_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead_ms = wall_ms() + 3_600_000
    store = take(monkeypatch, asyncio.run(heads(breaker=b"[%d,{}]" % ahead_ms)))
    lines("release")
    assert said(store) == {RELEASED: str(ahead_ms + 1)}


def test_nothing_is_written_where_nothing_is_held(store: MemoryStore) -> None:
    assert run("release").stdout == "the breaker holds nothing\n"
    assert said(store) == {}
