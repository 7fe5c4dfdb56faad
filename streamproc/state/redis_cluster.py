"""A Redis Cluster: which node holds the slot of a key, learnt anew whenever a node says otherwise or does not answer.

A slot that is being moved is waited for: of a shard's keys some are here and some there, and its node refuses every
request that needs one it does not have, a transaction as a whole. Requests are never sent after a moved key (ASK): what
is read beside it has to be in one place.
"""

import asyncio
import builtins
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from redis.crc import key_slot
from redis.exceptions import ClusterDownError, ConnectionError, MovedError, RedisError, TimeoutError

from streamproc.state.redis_link import Patience, RedisLink
from streamproc.state.redis_node import Command, RedisNode
from streamproc.state.redis_url import Place

_SLOTS: Final = 16_384
#: The longest that one node may take to say who holds what: others know, too.
_LOOK_WITHIN_S: Final = 1.0
_WHO_HOLDS: Final[Command] = (b"CLUSTER", b"SLOTS")


class RedisCluster:
    """The nodes of a cluster, made by `connect` as they are learnt of, from `seeds` on."""

    def __init__(
        self, seeds: Sequence[Place], connect: Callable[[Place], RedisNode], patience: Patience
    ) -> None:
        self._connect, self._patience = connect, patience
        self._seeds = {place: connect(place) for place in seeds}
        self.where = ", ".join(f"{host}:{port}" for host, port in seeds)
        self._nodes: dict[Place, RedisNode] = {}
        self._primaries: list[Place] = []
        self._holders: list[RedisNode | None] = [None] * _SLOTS
        self._failing: set[RedisNode] = set()  # did not answer when they were asked last
        self._looking: asyncio.Task[None] | None = None
        self._links: dict[int, RedisLink] = {}
        self._anywhere = RedisLink(_Anywhere(self), patience)

    def at(self, key: bytes) -> RedisLink:
        """See Servers.at."""
        slot = key_slot(key)
        link = self._links.get(slot)
        if link is None:
            link = self._links[slot] = RedisLink(_Slot(self, slot), self._patience)
        return link

    async def primaries(self) -> list[RedisLink]:
        """See Servers.primaries."""
        await self._anywhere.reach()
        return [RedisLink(self._nodes[place], self._patience) for place in self._primaries]

    async def aclose(self) -> None:
        """See Servers.aclose."""
        if self._looking is not None:
            self._looking.cancel()
        await asyncio.gather(*(node.aclose() for node in (*self._nodes.values(), *self._seeds.values())))

    def holder(self, slot: int) -> RedisNode | None:
        """The primary of a slot, as far as is known."""
        return self._holders[slot]

    def distrust(self, node: RedisNode | None, error: RedisError | None) -> None:
        """A node did not answer, or is cut off from the others: those are asked first who holds what."""
        if node is not None and isinstance(error, (ConnectionError, TimeoutError, ClusterDownError)):
            self._failing.add(node)

    async def look(self, error: RedisError | None) -> None:
        """Learn who holds what; after `error`, if it was one. Those who want it at the same time look together."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(error))
            self._looking.add_done_callback(_heed)
        await asyncio.shield(self._looking)

    async def _look(self, error: RedisError | None) -> None:
        failed: RedisError = ClusterDownError("no node knows of slots")
        for place, node in self._to_ask(error):
            try:
                async with asyncio.timeout(_LOOK_WITHIN_S):
                    (found,) = await node.ask([_WHO_HOLDS])
            except (RedisError, builtins.TimeoutError) as refused:
                failed = (
                    refused if isinstance(refused, RedisError) else TimeoutError(f"{node.where} is silent")
                )
                self._failing.add(node)
                continue
            self._failing.discard(node)
            if found:
                await self._learn(found, place)
                return
        raise failed

    def _to_ask(self, error: RedisError | None) -> Iterator[tuple[Place, RedisNode]]:
        """Whom a node has named as the holder; then all in any order, those that did not answer last."""
        if isinstance(error, MovedError) and error.host:
            place = (error.host, error.port)
            yield place, self._node(place)
        known = [*({**self._seeds, **self._nodes}).items()]
        random.shuffle(known)
        yield from sorted(known, key=lambda one: one[1] in self._failing)

    async def _learn(self, found: Sequence[Any], asked: Place) -> None:
        """Take over what CLUSTER SLOTS says: [first, last, primary, replica ...] a range, [host, port ...] a node."""
        holders: list[RedisNode | None] = [None] * _SLOTS
        primaries: dict[Place, None] = {}
        seen: set[Place] = set()
        for first, last, *nodes in found:
            places = [_place(node, asked) for node in nodes]
            seen.update(places)
            primaries[places[0]] = None
            holders[first : last + 1] = [self._node(places[0])] * (last + 1 - first)
        for place in seen:
            self._node(place)
        self._holders, self._primaries = holders, list(primaries)
        gone = [self._nodes.pop(place) for place in self._nodes.keys() - seen]
        self._failing.difference_update(gone)
        await asyncio.gather(*(node.aclose() for node in gone))

    def _node(self, place: Place) -> RedisNode:
        node = self._nodes.get(place)
        if node is None:
            node = self._nodes[place] = self._connect(place)
        return node


class _Slot:
    """The way to whoever holds a slot: see Route."""

    in_cluster = True

    def __init__(self, cluster: RedisCluster, slot: int) -> None:
        self._cluster, self._slot = cluster, slot

    @property
    def where(self) -> str:
        node = self.node
        return self._cluster.where if node is None else node.where

    @property
    def node(self) -> RedisNode | None:
        return self._cluster.holder(self._slot)

    async def find(self, error: RedisError | None) -> RedisNode:
        self._cluster.distrust(self.node, error)
        await self._cluster.look(error)
        node = self.node
        if node is None:
            raise ClusterDownError(f"no node holds slot {self._slot}")
        return node


class _Anywhere:
    """The way to some node of the cluster, once it is known who holds what now: see Route."""

    in_cluster = True

    def __init__(self, cluster: RedisCluster) -> None:
        self._cluster = cluster

    @property
    def where(self) -> str:
        return self._cluster.where

    @property
    def node(self) -> RedisNode | None:
        return None

    async def find(self, error: RedisError | None) -> RedisNode:
        await self._cluster.look(error)
        return next(filter(None, (self._cluster.holder(slot) for slot in range(_SLOTS))))


def _place(node: Sequence[Any], asked: Place) -> Place:
    """Host and port; a node that does not say its host is on that which was asked."""
    host, port = node[:2]
    return (host.decode() if host else asked[0]), int(port)


def _heed(looking: "asyncio.Task[None]") -> None:
    """Who waited for it has been told of its failure; if nobody did any more, nobody needs to be."""
    if not looking.cancelled():
        looking.exception()
