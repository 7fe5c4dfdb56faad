"""What is said of campaigns outside the rules file, and what those of a shard share: budgets, and the breaker."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from streamproc.contracts.signal_types import WaitedFor
from streamproc.rules.campaign import Campaign, Mode

DAY_MS: Final = 86_400_000


class Day(NamedTuple):
    """A campaign's budget: of one day (days since 1970, UTC)."""

    campaign: int
    day: int


class Tallied(NamedTuple):
    """What happens in an arm of a campaign. variant: empty: none. what: abort type, outcome, or kind of decision."""

    campaign: str
    variant: str
    is_held_out: bool
    what: str


#: `Tallied.what` of a journey that begins.
ENTERED: Final = "entered"


class Spend(NamedTuple):
    """A request, ghosts included; they sort in the order in which budgets are spent."""

    at_ms: int
    customer: str


@dataclass(slots=True)
class Rulings:
    """Of one shard, for one go.

    modes: by campaign key, where not the file's. is_held: the breaker holds requests. exhausted: from which request on
    a budget is used up. What the go decides is noted: `attempts` to spend from budgets, `by_time` (instants of requests
    that no event caused), `dry` (by campaign and decision), and of the other campaigns how often what happened
    (`tallied`).
    """

    modes: Mapping[str, Mode] = field(default_factory=dict)
    is_held: bool = False
    exhausted: Mapping[Day, Spend] = field(default_factory=dict)
    attempts: dict[Day, list[Spend]] = field(default_factory=dict)
    by_time: list[int] = field(default_factory=list)
    dry: Counter[tuple[str, str]] = field(default_factory=Counter)
    tallied: Counter[Tallied] = field(default_factory=Counter)

    def anew(self) -> "Rulings":
        """The same, with nothing noted."""
        return Rulings(self.modes, self.is_held, self.exhausted)

    def told_to_wait(self, campaign: Campaign) -> WaitedFor | None:
        """What keeps all steps of the campaign from asking now."""
        if self.mode(campaign) == "paused":
            return "paused"
        return "held" if self.is_held else None

    def mode(self, campaign: Campaign) -> Mode:
        """In which it is: what is said here can only hold it back."""
        return self.modes.get(campaign.key, campaign.mode)

    def granted(self, day: Day) -> int:
        """How many of the attempts to spend from a budget were let through."""
        return sum(self._grants(day, attempt) for attempt in self.attempts.get(day, []))

    def at_odds(self, other: "Rulings") -> set[str]:
        """The customers some of whose attempts would be decided otherwise under other rulings."""
        return {
            attempt.customer
            for day, attempts in self.attempts.items()
            for attempt in attempts
            if self._grants(day, attempt) != other._grants(day, attempt)
        }

    def spend(self, campaign: Campaign, at_ms: int, customer: str) -> bool:
        """Ask for one request of the campaign's budget; False: it is used up."""
        if campaign.budget is None:
            return True
        day, attempt = Day(campaign.id, at_ms // DAY_MS), Spend(at_ms, customer)
        self.attempts.setdefault(day, []).append(attempt)
        return self._grants(day, attempt)

    def _grants(self, day: Day, attempt: Spend) -> bool:
        first_refused = self.exhausted.get(day)
        return first_refused is None or attempt < first_refused
