"""What the campaigns of one shard may ask for, kept with the shard: budgets, the breaker, and who is paused."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
import structlog

from streamproc.actions.allowance import Allowance
from streamproc.actions.breaker import REQUESTS_MIN, Breaker, is_too_many
from streamproc.actions.rulings import Rulings
from streamproc.rules.campaign import Campaign, Mode

#: The control that lets campaigns go on that the breaker held until this instant (epoch ms). No campaign has this key.
RELEASED: Final = "*released"

_MODES: Final[dict[str, Mode]] = {"paused": "paused", "dry": "dry"}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Controls:
    """What operators say beside the rules file. released_ms: what the breaker held before goes on."""

    modes: Mapping[str, Mode] = field(default_factory=dict)
    released_ms: int = 0

    @classmethod
    def of(cls, said: Mapping[str, str]) -> "Controls":
        """As `Store.controls` has them: modes by the keys of campaigns, and RELEASED. What nobody knows is left out."""
        modes = {key: _MODES[mode] for key, mode in said.items() if mode in _MODES}
        return cls(modes, int(said.get(RELEASED, "0")))


class _Kept(msgspec.Struct, array_like=True):
    """What the head keeps of a breaker."""

    held_ms: int | None = None
    counts: dict[int, int] = {}


def held_since_ms(stored: Mapping[str, bytes], released_ms: int) -> int | None:
    """Since when the breaker of a shard holds all requests; None: it does not. `stored`: the `extra` of its head."""
    return _unless_released(_kept(stored).held_ms, released_ms)


def _unless_released(held_ms: int | None, released_ms: int) -> int | None:
    return None if held_ms is None or held_ms < released_ms else held_ms


def _kept(stored: Mapping[str, bytes]) -> _Kept:
    return msgspec.json.decode(stored["breaker"], type=_Kept) if stored.get("breaker") else _Kept()


class Quota:
    """Of one shard; `stored`: the `extra` of its head. Nothing it counts is kept unless `extra` is committed."""

    def __init__(
        self,
        campaigns: tuple[Campaign, ...],
        partition: int,
        partitions: int,
        stored: Mapping[str, bytes],
        *,
        breaks: bool,
    ) -> None:
        """`breaks`: whether the breaker watches, as it should where time is now."""
        self.controls = Controls()
        self._partition, self._breaks = partition, breaks
        self._allowance = Allowance.of(campaigns, partition, partitions, stored.get("budgets"))
        kept = _kept(stored)
        self._breaker = Breaker(dict(kept.counts), kept.held_ms)
        self._keeps_breaker = "breaker" in stored

    @property
    def is_held(self) -> bool:
        """Whether the breaker holds all requests."""
        return self._breaker.held_ms is not None

    @property
    def held_ms(self) -> int | None:
        """Since when the breaker holds all requests; None: it does not, or somebody has let them go on."""
        return _unless_released(self._breaker.held_ms, self.controls.released_ms)

    def foresight(self, campaigns: Iterable[Campaign]) -> Rulings:
        """To foretell what silence does. Who is paused or held only tries: nobody knows when that is over."""
        told = self._allowance.rulings(self.controls.modes, is_held=self.held_ms is not None)
        waiting: dict[str, Mode] = {
            campaign.key: "dry" for campaign in campaigns if told.told_to_wait(campaign) is not None
        }
        return self._allowance.rulings({**told.modes, **waiting}, is_held=False)

    def redefine(self, campaigns: tuple[Campaign, ...], partition: int, partitions: int) -> None:
        """Other budgets are in force."""
        self._allowance = Allowance.of(campaigns, partition, partitions, self._allowance.packed())

    def rulings(self) -> Rulings:
        """To begin a go with."""
        if self.is_held and self.held_ms is None:
            self._breaker.release()
            _log.info("campaigns go on: the breaker is released", partition=self._partition)
        return self._allowance.rulings(self.controls.modes, is_held=self.is_held)

    async def overdrawn(
        self, rulings: Rulings, now_ms: int, customers: Callable[[], Awaitable[int]]
    ) -> Rulings | None:
        """What to go through the same customers again with; None: what was decided stands.

        `customers`: how many the shard has.
        """
        if self._breaks and rulings.by_time and not self.is_held:
            requests = self._breaker.within_hour(rulings.by_time)
            if requests > REQUESTS_MIN and is_too_many(requests, own := await customers()):
                self._breaker.hold(now_ms)
                _log.error(
                    "campaigns are held: too many customers at once would be asked back",
                    partition=self._partition,
                    requests_within_hour=requests,
                    customers=own,
                    fix="are events missing? if all is well, let them go on: streamproc campaigns release",
                )
                return self._allowance.rulings(self.controls.modes, is_held=True)
        return self._allowance.overdrawn(rulings)

    def settle(self, rulings: Rulings, time_ms: int) -> dict[str, bytes]:
        """Count what was decided; what the head is to keep."""
        self._allowance.settle(rulings, time_ms)
        if self._breaks:
            self._breaker.note(rulings.by_time)
        kept: dict[str, bytes] = {}
        if self._allowance.spent:
            kept["budgets"] = self._allowance.packed()
        if self._breaker.counts or self.is_held or self._keeps_breaker:
            self._keeps_breaker = True  # so that a release is kept, too
            kept["breaker"] = msgspec.json.encode(_Kept(self._breaker.held_ms, self._breaker.counts))
        return kept
