"""From the backlog to the receiver: who is sent when, how many at a time, and what is noted of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog

from streamproc.clock import monotonic_s, wall_ms
from streamproc.metrics import Metrics
from streamproc.sinks.webhook.backlog import Backlog
from streamproc.sinks.webhook.journal import Claim, DeadLetter, Disabled, Journal, Superseded
from streamproc.sinks.webhook.message import Message
from streamproc.sinks.webhook.post import Post
from streamproc.sinks.webhook.schedule import Answer
from streamproc.sinks.webhook.signing import headers
from streamproc.state.store import StoreUnavailable

_log = structlog.get_logger(__name__)

#: The longest sleep: something may have been enabled meanwhile.
_LOOK_S: Final = 1.0
#: Requests to rest are told in the log if they add so much.
_REST_TOLD_MS: Final = 1_000
#: Between attempts to note something while Redis is away.
_REDIS_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Manner:
    """How messages are sent: keys to sign with, the first pause, how many at a time."""

    secrets: Sequence[bytes]
    first_pause_ms: int
    parallel: int


class Delivery:
    """Sends what is due. `claims`: the partitions in our hands; `superseded`: those that must be claimed anew."""

    def __init__(
        self,
        post: Post,
        journal: Journal,
        backlog: Backlog,
        manner: Manner,
        metrics: Metrics,
        *,
        chance: Callable[[], float],
    ) -> None:
        self.claims: dict[int, Claim] = {}
        self.superseded: set[int] = set()
        #: What Redis has of it: nothing is sent.
        self.disabled: Disabled | None = None
        #: Failed attempts since the last look, by what came of them.
        self.failures: Counter[str] = Counter()
        self._post, self._journal, self._backlog, self._metrics = post, journal, backlog, metrics
        self._manner, self._chance = manner, chance
        self._attempts: dict[asyncio.Task[None], int] = {}
        self._wake = asyncio.Event()
        self._stopped = self._gone = False
        self._resume_ms = 0
        #: A receiver that is ill gets fewer at a time, down to one, and more again as it recovers.
        self._allowed = manner.parallel

    async def run(self) -> None:
        """Send until `stop`. Raises StoreError for what does not pass by itself."""
        while not self._stopped:
            self._wake.clear()
            self._start_due()
            await self._rest()
            for attempt in [attempt for attempt in self._attempts if attempt.done()]:
                del self._attempts[attempt]
                if not attempt.cancelled():
                    attempt.result()

    @property
    def _is_silent(self) -> bool:
        return self._gone or self.disabled is not None

    def wake(self) -> None:
        """Something may be due earlier than was thought."""
        self._wake.set()

    async def stop(self, within_s: float) -> None:
        """Start nothing more; attempts under way have so long to end."""
        self._stopped = True
        self.wake()
        await self.abandon(set(self._attempts.values()), within_s)

    async def abandon(self, partitions: Iterable[int], within_s: float) -> None:
        """Attempts for these partitions have so long to end, and are broken off then: they may be made again."""
        wanted = set(partitions)
        attempts = [attempt for attempt, partition in self._attempts.items() if partition in wanted]
        if not attempts:
            return
        _, late = await asyncio.wait(attempts, timeout=within_s)
        for attempt in late:
            attempt.cancel()
        if late:
            await asyncio.wait(late)
        for attempt in late:
            self._attempts.pop(attempt, None)

    def enable(self) -> None:
        """The receiver wants messages again: all that wait are due now."""
        self.disabled, self._gone = None, False
        self._resume_ms, self._allowed = 0, self._manner.parallel
        self._backlog.hasten()
        self.wake()

    def give_up_ended(self) -> None:
        """Begin to give up the messages whose time is over."""
        for partition, messages in self._backlog.ended(wall_ms()).items():
            self._begin(partition, self._give_up(self.claims[partition], messages))

    # -- which, and when

    def _start_due(self) -> None:
        now_ms = wall_ms()
        while (
            not self._is_silent
            and now_ms >= self._resume_ms
            and len(self._attempts) < self._allowed
            and (taken := self._backlog.take(now_ms)) is not None
        ):
            partition, message = taken
            self._begin(partition, self._attempt(self.claims[partition], message))

    def _begin(self, partition: int, work: Coroutine[Any, Any, None]) -> None:
        attempt = asyncio.create_task(work)
        self._attempts[attempt] = partition
        attempt.add_done_callback(lambda _: self.wake())

    async def _rest(self) -> None:
        """Until something is due, or something has happened."""
        wait_s = _LOOK_S
        next_ms = self._backlog.next_ms
        if next_ms is not None and not self._is_silent and len(self._attempts) < self._allowed:
            wait_s = min(max(max(next_ms, self._resume_ms) - wall_ms(), 1) / 1000, _LOOK_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), wait_s)

    # -- one attempt

    async def _attempt(self, claim: Claim, message: Message) -> None:
        now_ms = wall_ms()
        if now_ms >= message.ends_ms:
            await self._give_up(claim, [message])
            return
        begin_s = monotonic_s()
        answer = await self._post.send(
            message.body, headers(self._manner.secrets, message.id, message.body, now_ms)
        )
        self._metrics.observe("webhook_attempt_seconds", monotonic_s() - begin_s)
        self._metrics.count("webhook_attempts_total", 1, answer.result)
        self._heed(answer)
        if answer.gone:
            await self._disable(answer)
        if answer.delivered:
            self._metrics.count("webhook_delivered_total")
            if await self._note(claim, lambda: self._journal.finish(claim, message)):
                self._backlog.remove(claim.partition, message)
        else:
            await self._failed(claim, message, answer)

    async def _failed(self, claim: Claim, message: Message, answer: Answer) -> None:
        self.failures[answer.detail] += 1
        later = message.after(answer, wall_ms(), first_ms=self._manner.first_pause_ms, chance=self._chance())
        if later.next_ms >= later.ends_ms:
            await self._give_up(claim, [later])
        elif await self._note(claim, lambda: self._journal.postpone(claim, later)):
            self._backlog.put_back(claim.partition, later)

    def _heed(self, answer: Answer) -> None:
        """Fewer at a time while the receiver is ill, more as it takes some; none while it asks for a rest."""
        self._allowed = (
            max(self._allowed // 2, 1) if answer.ill else min(self._allowed + 1, self._manner.parallel)
        )
        resume_ms = wall_ms() + answer.pause_all_ms
        if answer.pause_all_ms and resume_ms - self._resume_ms > _REST_TOLD_MS:
            _log.warning("the receiver asks for a rest", answer=answer.detail, rest_ms=answer.pause_all_ms)
        self._resume_ms = max(self._resume_ms, resume_ms)

    async def _disable(self, answer: Answer) -> None:
        """Until somebody says `streamproc webhooks enable`."""
        if self._is_silent:
            return
        self._gone = True
        disabled = Disabled(wall_ms(), answer.detail)
        _log.error(
            "the receiver wants no webhooks any more; nothing is sent",
            answer=answer.detail,
            fix="streamproc webhooks enable, once it does again",
        )
        await self._persist(lambda: self._journal.disable(disabled))
        self.disabled = disabled

    async def _give_up(self, claim: Claim, messages: Sequence[Message]) -> None:
        now_ms = wall_ms()
        letters = [
            DeadLetter(claim.partition, message, now_ms, "expired" if message.expires else "too_long")
            for message in messages
        ]
        if await self._note(claim, lambda: self._journal.give_up(claim, letters)):
            for letter in letters:
                self._metrics.count("webhook_given_up_total", 1, letter.reason)
                self._backlog.remove(claim.partition, letter.message)
            reasons = Counter(letter.reason for letter in letters)
            _log.warning("webhooks given up", **reasons, first=letters[0].message.id)

    # -- what is noted

    async def _note(self, claim: Claim, write: Callable[[], Awaitable[None]]) -> bool:
        """Whether it was noted; else the partition is not ours any more, or must be claimed anew."""
        try:
            await self._persist(write)
        except Superseded:
            if self.claims.get(claim.partition) is claim:
                self.superseded.add(claim.partition)
            return False
        return self.claims.get(claim.partition) is claim

    async def _persist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write, and if Redis is away, until it is back: what was delivered must not be delivered again."""
        while True:
            try:
                return await write()
            except StoreUnavailable as error:
                self._metrics.count("webhook_waits_total")
                _log.warning("waiting for Redis", error=error.message)
                await asyncio.sleep(_REDIS_PAUSE_S)
