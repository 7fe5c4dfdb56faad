"""What makes a Redis unfit to hold state, judged from its INFO."""

import pytest

from streamproc.state.redis_server import server_warnings
from streamproc.state.store import RedisConfigError

GOOD = {
    "redis_version": "7.0.15",
    "maxmemory_policy": "noeviction",
    "aof_enabled": "1",
    "cluster_enabled": "0",
}


@pytest.mark.parametrize("version", ["7.0.0", "7.2.4", "8.2.1", "10.0"])
def test_a_good_server_is_fine(version: str) -> None:
    assert server_warnings({**GOOD, "redis_version": version}, "h:1") == []


@pytest.mark.parametrize(
    ("bad", "names"),
    [
        ({"redis_version": "6.2.14"}, "6.2.14"),
        ({"redis_version": "unstable"}, "unstable"),
        ({"maxmemory_policy": "volatile-lru"}, "volatile-lru"),
        ({"cluster_enabled": "1"}, "cluster"),
    ],
)
def test_an_unfit_server_is_refused(bad: dict[str, str], names: str) -> None:
    with pytest.raises(RedisConfigError, match=names) as refused:
        server_warnings({**GOOD, **bad}, "h:1")
    assert "h:1" in refused.value.message
    assert refused.value.fix


def test_all_faults_are_told_at_once() -> None:
    bad = {**GOOD, "redis_version": "5.0", "maxmemory_policy": "allkeys-lru"}
    with pytest.raises(RedisConfigError, match=r"5\.0.*allkeys-lru"):
        server_warnings(bad, "h:1")


def test_no_append_only_file_is_a_warning() -> None:
    (warning,) = server_warnings({**GOOD, "aof_enabled": "0"}, "h:1")
    assert "appendonly yes" in warning


def test_a_server_that_hides_its_policy_is_a_warning() -> None:
    """Some managed servers do."""
    silent = {name: value for name, value in GOOD.items() if name != "maxmemory_policy"}
    (warning,) = server_warnings(silent, "h:1")
    assert "noeviction" in warning


@pytest.mark.parametrize(
    ("info", "names"),
    [
        ({"aof_last_write_status": "err"}, "free its disk"),
        ({"role": "slave"}, "primary"),
        ({"maxmemory": "1000", "used_memory": "950"}, "maxmemory"),
        ({"evicted_keys": "3"}, "evicted"),
    ],
)
def test_what_will_stop_commits_is_a_warning(info: dict[str, str], names: str) -> None:
    (warning,) = server_warnings({**GOOD, **info}, "h:1")
    assert names in warning


def test_memory_without_a_limit_is_not_nearly_full() -> None:
    assert server_warnings({**GOOD, "maxmemory": "0", "used_memory": "950"}, "h:1") == []


def test_a_cluster_node_is_fine_where_one_is_meant() -> None:
    node = {**GOOD, "cluster_enabled": "1"}
    assert server_warnings(node, "h:1", in_cluster=True) == []
    with pytest.raises(RedisConfigError, match="cluster node") as refused:
        server_warnings(node, "h:1")
    assert "redis+cluster://" in refused.value.fix


def test_a_sentinel_is_no_server() -> None:
    with pytest.raises(RedisConfigError, match="is a Sentinel") as refused:
        server_warnings({**GOOD, "redis_mode": "sentinel"}, "h:1")
    assert "redis+sentinel://" in refused.value.fix
