"""Findings about Redis, from what it says of itself."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from streamproc.api.checkup import Finding, Level
from streamproc.state.redis_checks import RedisFacts

_GB: Final = 1 << 30
#: Of maxmemory: commits are refused at all of it, and what waits in the outboxes must still fit.
_FULL_SHARE: Final = 0.8
#: Of the machine: a fork shares its pages with Redis, and those that are written meanwhile are there twice.
_MACHINE_SHARE: Final = 0.6
_FORK_US: Final = 500_000
#: A commit takes two round trips, loading one.
_SLOW_MS: Final = 5.0
_SKEW_MS: Final = 1_000
#: Events so far ahead of a worker's clock are refused.
_REFUSED_AHEAD_MS: Final = 300_000
_REPLICA_LAG_S: Final = 10


def judge_redis(
    facts: RedisFacts, where: str, replicas: int | None, about: str = "Redis"
) -> Iterator[Finding]:
    """All that the server tells. `replicas`: how many must hold a commit, None: one, if any is connected."""
    for finding in _judge(facts, where, replicas):
        yield replace(finding, about=about) if finding.about == "Redis" else finding


def _judge(facts: RedisFacts, where: str, replicas: int | None) -> Iterator[Finding]:
    info = facts.info
    yield Finding("redis.server", "ok", "Redis", _server(info, where))
    if "maxmemory_policy" not in info:
        text = "does not tell its maxmemory-policy, and one that evicts loses customers"
        yield Finding("redis.server", "warning", "Redis", text, "see its settings: it must be noeviction")
    if info.get("role") == "slave":
        text = "is a replica and refuses commits"
        yield Finding("redis.server", "wrong", "Redis", text, "point STREAMPROC_REDIS to the primary")
    if int(info.get("evicted_keys", 0)):
        text = (
            f"has evicted {info['evicted_keys']} keys since it was started; a shard that lost one is refused"
        )
        fix = "set maxmemory-policy noeviction, and restore the shards that the workers refuse"
        yield Finding("redis.server", "warning", "Redis", text, fix)
    if facts.denied:
        text = f"this user may not: {', '.join(facts.denied)}"
        fix = (
            "ACL SETUSER <user> "
            + " ".join(f"+{name}" for name in facts.denied)
            + " (docs/state.md has the whole line)"
        )
        yield Finding("redis.access", "wrong", "Redis", text, fix)
    else:
        yield Finding("redis.access", "ok", "Redis", "this user may do all that a worker does")
    yield from _judge_persistence(info, facts.settings)
    yield from _judge_memory(info)
    yield from _judge_replicas(info, replicas)
    if facts.round_trip_ms > _SLOW_MS:
        text = f"a round trip takes {facts.round_trip_ms:.1f} ms, and every commit needs three, one after the other"
        fix = "put workers and Redis into one zone; see its SLOWLOG and CPU; is something else using it?"
        yield Finding("redis.latency", "warning", "Redis", text, fix)
    else:
        yield Finding("redis.latency", "ok", "Redis", f"a round trip takes {facts.round_trip_ms:.2f} ms")
    yield from _judge_clock(facts)


def _server(info: Mapping[str, str], where: str) -> str:
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info.get("redis_version", "of unknown version")
    policy = info.get("maxmemory_policy", "unknown policy")
    return f"{name} {version} answers at {where}: {info.get('redis_mode', 'standalone')}, {policy}"


def _judge_persistence(info: Mapping[str, str], settings: Mapping[str, str]) -> Iterator[Finding]:
    check = "redis.persistence"
    if info.get("aof_enabled") == "0":
        text = "appendonly is off: a restart goes back to the last snapshot, and the topics are read again from there"
        fix = "CONFIG SET appendonly yes, and the same in redis.conf, with appendfsync everysec"
        yield Finding(check, "warning", "Redis", text, fix)
    elif settings.get("appendfsync") == "no":
        text = "appendfsync is no: a crash of its machine takes back what the system had not written yet"
        fix = "CONFIG SET appendfsync everysec, and the same in redis.conf"
        yield Finding(check, "warning", "Redis", text, fix)
    elif "aof_enabled" in info:
        fsync = settings.get("appendfsync", "appendfsync not told")
        yield Finding(check, "ok", "Redis", f"append-only file, {fsync}")
    if info.get("aof_last_write_status", "ok") != "ok":
        text = "cannot write its append-only file and refuses commits"
        yield Finding(check, "wrong", "Redis", text, "free its disk; see its log")
    for field, what in (("aof_last_bgrewrite_status", "rewrite of its append-only file"),):
        if info.get(field, "ok") != "ok":
            text = f"the last {what} failed: the file grows until the disk is full"
            fix = "see its log: disk full, or too little memory to fork (vm.overcommit_memory=1)"
            yield Finding(check, "warning", "Redis", text, fix)
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        text = "the last snapshot failed; with stop-writes-on-bgsave-error (its default) Redis refuses commits then"
        fix = "see its log: disk full, or too little memory to fork (vm.overcommit_memory=1)"
        yield Finding(check, "warning", "Redis", text, fix)


def _judge_memory(info: Mapping[str, str]) -> Iterator[Finding]:
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    resident, machine = int(info.get("used_memory_rss", 0)), int(info.get("total_system_memory", 0))
    fork_us = int(info.get("latest_fork_usec", 0))
    room = f"of {limit / _GB:,.1f} GiB" if limit else "without a limit"
    fix = "raise maxmemory (streamproc capacity says how much so many customers need)"
    # Redis lets buffers of replicas and of its file go beyond the limit.
    counted = used - int(info.get("mem_not_counted_for_evict", 0))
    if limit and counted >= limit:
        text = f"{used / limit:.0%} of its maxmemory is used: it refuses commits, and shards stand still"
        yield Finding("redis.memory", "wrong", "Redis", text, fix)
    elif limit and used > _FULL_SHARE * limit:
        text = f"{used / limit:.0%} of its maxmemory is used; at all of it commits are refused"
        yield Finding("redis.memory", "warning", "Redis", text, fix)
    elif machine and resident > _MACHINE_SHARE * machine:
        text = (
            f"has {resident / machine:.0%} of its machine's memory: a rewrite of its file forks, and what is written "
            "meanwhile is there twice"
        )
        fix = "give the machine more memory, and set maxmemory so that the kernel does not end Redis"
        yield Finding("redis.memory", "warning", "Redis", text, fix)
    elif "used_memory" in info:
        yield Finding("redis.memory", "ok", "Redis", f"{used / _GB:,.2f} GiB used, {room}")
    if fork_us > _FORK_US:
        text = f"its last fork took {fork_us / 1000:,.0f} ms, in which nobody was served"
        fix = "switch transparent huge pages off; share the customers out over more primaries"
        yield Finding("redis.memory", "warning", "Redis", text, fix)


def _judge_replicas(info: Mapping[str, str], wanted: int | None) -> Iterator[Finding]:
    connected = int(info.get("connected_slaves", 0))
    if wanted and connected < wanted:
        text = f"{connected} replicas are connected and STREAMPROC_REDIS_REPLICAS asks for {wanted}: signals wait"
        fix = "bring the replicas back, or set STREAMPROC_REDIS_REPLICAS=auto and restart the workers"
        yield Finding("redis.replicas", "wrong", "Redis", text, fix)
        return
    late = []
    for number in range(connected):
        fields = dict(part.partition("=")[::2] for part in info.get(f"slave{number}", "").split(","))
        if fields.get("state", "online") != "online" or int(fields.get("lag", 0)) > _REPLICA_LAG_S:
            late.append(
                f"{fields.get('ip')}:{fields.get('port')} ({fields.get('state')}, lag {fields.get('lag')} s)"
            )
    if late:
        text = (
            f"replicas are behind: {', '.join(late)}; signals wait for one, and a failover would lose commits"
        )
        yield Finding("redis.replicas", "warning", "Redis", text, "see the replicas' logs, network and disks")
    else:
        text = (
            f"{connected} connected"
            if connected
            else "none: when its machine is lost, so is what its disk held"
        )
        yield Finding("redis.replicas", "ok", "Redis", f"replicas: {text}")


def _judge_clock(facts: RedisFacts) -> Iterator[Finding]:
    skew_ms = facts.skew_ms
    if skew_ms is None:
        text = "this user may not ask Redis for the time, so the clocks are not compared (+time)"
        yield Finding("clocks.redis", "ok", "clocks", text)
        return
    text = f"Redis's clock is {skew_ms / 1000:+,.1f} s from this machine's"
    if abs(skew_ms) <= _SKEW_MS + facts.round_trip_ms:
        yield Finding("clocks.redis", "ok", "clocks", f"{text}, known to {facts.round_trip_ms / 2:.2f} ms")
        return
    text += (
        "; workers go by their own clocks: where they are wrong, timers fire early or late by as much, and "
        f"events more than {_REFUSED_AHEAD_MS // 60_000} min ahead are refused"
    )
    level: Level = "wrong" if abs(skew_ms) > _REFUSED_AHEAD_MS else "warning"
    fix = "set both clocks by NTP (chronyc tracking, timedatectl)"
    yield Finding("clocks.redis", level, "clocks", text, fix)
