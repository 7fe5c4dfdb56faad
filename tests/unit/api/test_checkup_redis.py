"""Findings about Redis, from what it says of itself."""

from dataclasses import replace

import pytest

from streamproc.api.checkup_redis import judge_redis
from streamproc.state.redis_checks import RedisFacts
from streamproc.state.redis_server import server_warnings
from tests.unit.api.test_checkup_kafka import bad

INFO = {
    "redis_version": "7.2.4",
    "redis_mode": "standalone",
    "role": "master",
    "maxmemory_policy": "noeviction",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "rdb_last_bgsave_status": "ok",
    "used_memory": "1000000000",
    "used_memory_rss": "1100000000",
    "maxmemory": "4000000000",
    "total_system_memory": "8000000000",
    "connected_slaves": "1",
    "slave0": "ip=10.0.0.2,port=6379,state=online,offset=5,lag=0",
}
FACTS = RedisFacts(INFO, {"appendfsync": "everysec"}, (), 0.4, 12.0)


def with_info(**fields: str) -> RedisFacts:
    return replace(FACTS, info={**INFO, **fields})


def test_a_sound_server() -> None:
    found = list(judge_redis(FACTS, "redis:6379", None))
    assert bad(found) == []
    assert found[0].text == "Redis 7.2.4 answers at redis:6379: standalone, noeviction"
    assert {finding.check for finding in found} >= {
        "redis.access",
        "redis.persistence",
        "redis.memory",
        "clocks.redis",
    }


@pytest.mark.parametrize(
    ("facts", "replicas", "expected"),
    [
        (with_info(role="slave"), None, ("redis.server", "wrong")),
        (with_info(evicted_keys="7"), None, ("redis.server", "warning")),
        (replace(FACTS, denied=("xadd", "zadd")), None, ("redis.access", "wrong")),
        (with_info(aof_enabled="0"), None, ("redis.persistence", "warning")),
        (replace(FACTS, settings={"appendfsync": "no"}), None, ("redis.persistence", "warning")),
        (with_info(aof_last_write_status="err"), None, ("redis.persistence", "wrong")),
        (with_info(aof_last_bgrewrite_status="err"), None, ("redis.persistence", "warning")),
        (with_info(rdb_last_bgsave_status="err"), None, ("redis.persistence", "warning")),
        (with_info(used_memory="3900000000"), None, ("redis.memory", "warning")),
        (with_info(used_memory="4000000000"), None, ("redis.memory", "wrong")),
        (with_info(used_memory="5440000000"), None, ("redis.memory", "wrong")),
        (
            with_info(used_memory="4100000000", mem_not_counted_for_evict="200000000"),
            None,
            ("redis.memory", "warning"),
        ),
        (with_info(maxmemory="0", used_memory_rss="6000000000"), None, ("redis.memory", "warning")),
        (with_info(latest_fork_usec="900000"), None, ("redis.memory", "warning")),
        (with_info(connected_slaves="0"), 1, ("redis.replicas", "wrong")),
        (with_info(slave0="ip=a,port=1,state=online,lag=40"), None, ("redis.replicas", "warning")),
        (with_info(slave0="ip=a,port=1,state=wait_bgsave,lag=0"), 1, ("redis.replicas", "warning")),
        (replace(FACTS, round_trip_ms=20.0), None, ("redis.latency", "warning")),
        (replace(FACTS, skew_ms=-30_000.0), None, ("clocks.redis", "warning")),
        (replace(FACTS, skew_ms=400_000.0), None, ("clocks.redis", "wrong")),
    ],
)
def test_what_is_wrong_with_a_server(
    facts: RedisFacts, replicas: int | None, expected: tuple[str, str]
) -> None:
    found = bad(judge_redis(facts, "redis:6379", replicas))
    assert [(check, level) for check, level, _ in found] == [expected]


def test_one_of_several_primaries_is_named() -> None:
    found = judge_redis(FACTS, "r1:6379", None, "Redis r1:6379")
    assert {finding.about for finding in found} == {"Redis r1:6379", "clocks"}


def test_denied_commands_are_what_to_grant() -> None:
    judged = judge_redis(replace(FACTS, denied=("script|load", "xadd")), "redis:6379", None)
    (finding,) = [finding for finding in judged if finding.level == "wrong"]
    assert "+script|load +xadd" in finding.fix


def test_a_slow_line_excuses_no_skew_it_cannot_know() -> None:
    """The clocks are known to half a round trip."""
    facts = replace(FACTS, round_trip_ms=1_500.0, skew_ms=1_600.0)
    assert [check for check, _, _ in bad(judge_redis(facts, "r", None))] == ["redis.latency"]


@pytest.mark.parametrize(
    "info",
    [
        {name: value for name, value in INFO.items() if name != "maxmemory_policy"},
        {**INFO, "aof_enabled": "0"},
        {**INFO, "aof_last_write_status": "err"},
        {**INFO, "role": "slave"},
        {**INFO, "used_memory": "3900000000"},
        {**INFO, "evicted_keys": "1"},
    ],
)
def test_whatever_a_worker_would_log_is_a_finding(info: dict[str, str]) -> None:
    assert server_warnings(info, "redis:6379")
    assert bad(judge_redis(replace(FACTS, info=info), "redis:6379", None))
