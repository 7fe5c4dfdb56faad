"""Each Redis and each shard is looked at for itself: what one of them does not say, the others do."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streamproc.api.checkup import Finding
from streamproc.cli import doctor_looks
from streamproc.cli.doctor_looks import KafkaLook, _redis, _shards
from streamproc.settings import Settings
from streamproc.state.redis_checks import RedisFacts
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Head, RedisConfigError, StoreUnavailable

FACTS = RedisFacts({"redis_version": "7.2.4", "maxmemory_policy": "noeviction"}, {}, (), 0.4, 12.0)


class Servers:
    """Primaries of these names."""

    def __init__(self, *names: str) -> None:
        self._names = names

    async def primaries(self) -> list[Any]:
        return [SimpleNamespace(where=name) for name in self._names]

    async def aclose(self) -> None: ...


async def look(link: Any, *_: object) -> RedisFacts:
    if link.where.startswith("dead"):
        raise StoreUnavailable(f"Redis at {link.where} does not serve", fix="start it")
    return FACTS


async def examine(link: Any) -> list[str]:
    if link.where.startswith("unfit"):
        raise RedisConfigError("its version is 6", fix="use 7")
    return []


async def found(monkeypatch: pytest.MonkeyPatch, *names: str) -> tuple[bool, list[Finding]]:
    monkeypatch.setattr(doctor_looks, "open_servers", lambda *_, **__: Servers(*names))
    monkeypatch.setattr(doctor_looks, "look_at_redis", look)
    monkeypatch.setattr(doctor_looks, "examine", examine)
    findings: list[Finding] = []
    return await _redis(Settings(), findings), findings


def wrong(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.check, finding.about) for finding in findings if finding.level == "wrong"]


async def test_a_primary_that_is_dead_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, findings = await found(monkeypatch, "a:1", "dead:2", "unfit:3")
    assert answers
    assert wrong(findings) == [("redis.reach", "Redis dead:2"), ("redis.server", "Redis unfit:3")]
    others = {finding.about for finding in findings if finding.check == "redis.access"}
    assert others == {"Redis a:1", "Redis unfit:3"}


async def test_where_none_answers_state_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, findings = await found(monkeypatch, "dead:1")
    assert not answers
    assert [(finding.check, finding.about, finding.fix) for finding in findings] == [
        ("redis.reach", "Redis", "start it")
    ]


@dataclass
class Store:
    """Shards of an odd number are on a server that is away."""

    async def read_head(self, partition: int) -> Head | None:
        if partition % 2:
            raise StoreUnavailable("Redis at dead:2 does not serve", fix="start it")
        return None

    async def outbox_length(self, partition: int) -> int:
        return partition


async def test_shards_of_a_server_that_answers_are_looked_at() -> None:
    kafka, findings = KafkaLook(), cast(list[Finding], [])
    kafka.partitions = 4
    shards = await _shards(cast(RedisStore, Store()), Settings(), kafka, findings)
    assert [(shard.partition, shard.outbox_records) for shard in shards] == [(0, 0), (2, 2)]
    (finding,) = findings
    assert finding.text == "the state of shards 1, 3 cannot be read: Redis at dead:2 does not serve"
