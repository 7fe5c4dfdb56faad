"""Waiting for replicas to have what was committed."""

from typing import Final

from streamproc.clock import monotonic_s
from streamproc.state.keys import ShardKeys
from streamproc.state.redis_head import check_owner
from streamproc.state.redis_link import RedisLink, Script
from streamproc.state.redis_server import connected_replicas
from streamproc.state.store import Head, StoreUnavailable

#: How long replicas may take; far below the patience of a request.
_REPLICAS_WITHIN_MS: Final = 1_000
#: How long it is taken for granted that no replica has come or gone.
_REPLICAS_KNOWN_S: Final = 1.0


class Replicas:
    """`wanted` of them must have a commit before its signals leave; None: one, if its server has any."""

    def __init__(self, wanted: int | None) -> None:
        self._wanted = wanted
        #: By server: how many it feeds, and when to look again.
        self._connected: dict[str, tuple[int, float]] = {}
        self._mark = Script("mark")

    async def hold(self, link: RedisLink, keys: ShardKeys, head: Head, seq: int) -> None:
        """See Store.await_replicas."""
        wanted = await self._wanted_of(link)
        if not wanted:
            return
        wait = (b"WAIT", wanted, _REPLICAS_WITHIN_MS)
        reply, reached = await link.script_then(
            self._mark, (keys.head, keys.relayed), (head.epoch, head.owner, seq), wait
        )
        check_owner(head, reply)
        if reached < wanted:
            self._connected.pop(link.where, None)
            raise StoreUnavailable(
                f"{reached} of {wanted} replicas of Redis at {link.where} hold what was committed",
                fix="signals wait until they do: see the replicas' logs, or set STREAMPROC_REDIS_REPLICAS",
            )

    async def _wanted_of(self, link: RedisLink) -> int:
        if self._wanted is not None:
            return self._wanted
        now_s = monotonic_s()
        connected, look_again_s = self._connected.get(link.where, (0, 0.0))
        if now_s >= look_again_s:
            connected = connected_replicas(await link.call(b"INFO", b"replication"))
            self._connected[link.where] = connected, now_s + _REPLICAS_KNOWN_S
        return min(1, connected)
