"""A Redis Cluster of local processes: made by hand, its slots moved as redis-cli does it, its primaries killed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import redis

from tests.servers.process import free_port, wait_until
from tests.servers.redis import RedisProcess

SLOTS = 16_384
_FORMS_WITHIN_S = 30


@dataclass(kw_only=True)
class ClusterNode(RedisProcess):
    """One node; it calls another dead after `timeout_ms` of silence."""

    timeout_ms: int = 1_000
    bus_port: int = field(default_factory=free_port)

    def command(self) -> list[str]:
        """The server; a replica of it follows at once, and may take over whatever it has."""
        own = ("--cluster-enabled", "yes", "--cluster-port", str(self.bus_port))
        timeouts = ("--cluster-node-timeout", str(self.timeout_ms), "--cluster-replica-validity-factor", "0")
        still = ("--cluster-allow-replica-migration", "no")
        soon = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
        return [*super().command(), *own, *timeouts, *still, *soon]

    def call(self, *command: Any) -> Any:
        """The reply to one command, on a connection of its own."""
        with redis.Redis(port=self.port) as client:
            return client.execute_command(*command)

    def facts(self, *command: str) -> dict[str, str]:
        """The reply to a command that answers in lines of `name:value`."""
        with redis.Redis(port=self.port) as client:
            client.response_callbacks.clear()
            lines = client.execute_command(*command).decode().splitlines()
        return {name: value for name, _, value in (line.partition(":") for line in lines)}

    def dump(self) -> dict[bytes, bytes]:
        """All that it holds, of slots on their way, too."""
        with redis.Redis(port=self.port) as client, client.pipeline(transaction=False) as asking:
            keys = client.keys("*")
            for key in keys:
                asking.execute_command("ASKING").dump(key)
            return dict(zip(keys, asking.execute()[1::2], strict=True))

    def members(self) -> list[int]:
        """Ports of those that it says hold slots or follow who does."""
        return sorted({port for _, _, *nodes in self.call("CLUSTER", "SLOTS") for _, port, *_ in nodes})

    def id(self) -> str:
        """What the cluster calls it."""
        return str(self.call("CLUSTER", "MYID").decode())


@dataclass
class LocalCluster:
    """Primaries, which share the slots evenly, and as many replicas: number i follows primary i."""

    primaries: list[ClusterNode]
    replicas: list[ClusterNode]

    @property
    def nodes(self) -> list[ClusterNode]:
        return [*self.primaries, *self.replicas]

    @property
    def url(self) -> str:
        """For STREAMPROC_REDIS; the first two nodes will do."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.primaries[:2])

    def form(self) -> None:
        """Make one cluster of the nodes."""
        share = SLOTS / len(self.primaries)
        for i, node in enumerate(self.primaries):
            node.call("CLUSTER", "ADDSLOTSRANGE", round(i * share), round((i + 1) * share) - 1)
        for i, node in enumerate(self.nodes):
            node.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            self.nodes[0].call("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus_port)
        self._await(
            lambda node: node.facts("CLUSTER", "INFO")["cluster_known_nodes"] == str(len(self.nodes)),
            self.nodes,
        )
        for primary, replica in zip(self.primaries, self.replicas, strict=False):
            replica.call("CLUSTER", "REPLICATE", primary.id())
        self.wait_whole()

    def wait_whole(self) -> None:
        """Return once all nodes see a cluster that serves and who follows whom, and replicas are in step."""
        self._await(lambda node: node.facts("CLUSTER", "INFO")["cluster_state"] == "ok", self.nodes)
        members = sorted(node.port for node in self.nodes)
        self._await(lambda node: node.members() == members, self.nodes)
        self._await(
            lambda node: node.facts("INFO", "replication").get("master_link_status", "up") == "up", self.nodes
        )

    @staticmethod
    def _await(condition: Callable[[ClusterNode], bool], nodes: list[ClusterNode]) -> None:
        for node in nodes:
            assert wait_until(partial(condition, node), within_s=_FORMS_WITHIN_S), node.port

    def holder(self, slot: int) -> ClusterNode:
        """The primary that holds a slot, by what most nodes would say: the first that answers."""
        for node in self.nodes:
            try:
                ranges = node.call("CLUSTER", "SLOTS")
            except redis.ConnectionError:
                continue
            for first, last, (_, port, *_), *_ in ranges:
                if first <= slot <= last:
                    return next(one for one in self.nodes if one.port == port)
        raise AssertionError(f"nobody holds slot {slot}")

    def elsewhere(self, slot: int) -> ClusterNode:
        """A node that holds slots, but not this one."""
        holder = self.holder(slot)
        serving = (self.holder(other) for other in range(0, SLOTS, SLOTS // 8))
        return next(node for node in serving if node is not holder)

    def follower(self, primary: ClusterNode) -> ClusterNode:
        """The replica of `primary`, by its own word."""
        ranges = primary.call("CLUSTER", "SLOTS")
        port = next(replica for _, _, (_, port, *_), (_, replica, *_) in ranges if port == primary.port)
        return next(node for node in self.nodes if node.port == port)

    # -- moving a slot, step by step

    def begin_move(self, slot: int, target: ClusterNode) -> "Move":
        """From now on keys of the slot may leave its holder."""
        source = self.holder(slot)
        target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id())
        source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id())
        return Move(self, slot, source, target)

    def move(self, slot: int, target: ClusterNode) -> None:
        """All steps, as `redis-cli --cluster reshard` takes them."""
        self.begin_move(slot, target).finish()


@dataclass
class Move:
    """A slot on its way."""

    cluster: LocalCluster
    slot: int
    source: ClusterNode
    target: ClusterNode

    def keys(self, most: int) -> list[bytes]:
        """Some of those that are still to be carried."""
        found: list[bytes] = self.source.call("CLUSTER", "GETKEYSINSLOT", self.slot, most)
        return found

    def carry(self, *keys: bytes) -> None:
        """Move keys; those that are not there are passed over."""
        self.source.call("MIGRATE", "127.0.0.1", self.target.port, "", 0, 60_000, "KEYS", *keys)

    def finish(self) -> None:
        """Carry all keys; from then on the slot is the target's."""
        while keys := self.keys(10):
            self.carry(*keys)
        id_ = self.target.id()
        for node in (self.target, self.source):
            node.call("CLUSTER", "SETSLOT", self.slot, "NODE", id_)


@contextmanager
def local_cluster(
    directory: Path,
    *,
    primaries: int = 3,
    replicas: int = 0,
    timeout_ms: int = 1_000,
    options: tuple[str, ...] = (),
) -> Iterator[LocalCluster]:
    """A cluster that serves; its nodes are gone with the context."""
    with ExitStack() as stack:
        nodes = []
        for i in range(primaries + replicas):
            (directory / str(i)).mkdir()
            node = ClusterNode(directory=directory / str(i), timeout_ms=timeout_ms, options=options)
            stack.callback(node.kill)
            nodes.append(node.start())
        cluster = LocalCluster(nodes[:primaries], nodes[primaries:])
        cluster.form()
        yield cluster
