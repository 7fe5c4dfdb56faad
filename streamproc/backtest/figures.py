"""What became of segments, bands and campaigns: figures of some partitions, which add up with those of others."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from statistics import median
from typing import Final, NamedTuple

from streamproc.transitions.publish import Signal
from streamproc.windows.panes import DAY_MS

#: Who comes back so soon after leaving has not really left: the segment flaps.
FLAP_MS: Final = DAY_MS

#: Days are counted from 1970 on, in UTC.
ByDay = Counter[int]


@dataclass(slots=True)
class Flow:
    """Who came into a segment (or band) and left it. `customers`: ever inside; `inside_ms`: of all of them together.

    `stays_ms`: how long those stayed who left. `flaps`: entries within FLAP_MS of the customer's last exit.
    """

    entries: ByDay = field(default_factory=Counter)
    exits: ByDay = field(default_factory=Counter)
    customers: int = 0
    flaps: int = 0
    inside_ms: int = 0
    stays_ms: list[int] = field(default_factory=list)

    @property
    def at_the_end(self) -> int:
        """How many are inside."""
        return self.entries.total() - self.exits.total()

    @property
    def at_most(self) -> int:
        """The greatest size at the end of a day."""
        return max(self.sizes().values(), default=0)

    @property
    def median_stay_ms(self) -> int | None:
        """How long those stayed who left; None: nobody did."""
        return round(median(self.stays_ms)) if self.stays_ms else None

    def sizes(self) -> dict[int, int]:
        """The size at the end of each day on which it changed."""
        days = sorted(self.entries.keys() | self.exits.keys())
        return dict(zip(days, accumulate(self.entries[day] - self.exits[day] for day in days), strict=True))

    def absorb(self, other: "Flow") -> None:
        """Add other customers' flow."""
        self.entries.update(other.entries)
        self.exits.update(other.exits)
        self.customers += other.customers
        self.flaps += other.flaps
        self.inside_ms += other.inside_ms
        self.stays_ms += other.stays_ms


class Arm(NamedTuple):
    """Of a campaign: entries of one variant (None: it has none), which are asked, or held out as control group."""

    variant: str | None
    holdout: bool


@dataclass(slots=True)
class Requests:
    """What a campaign asked for, and what its gates suppressed, by reason. `customers`: who got a request.

    by_step: requests by step (from 1) and channel. waited_for: of those that expired, for what. asked: by arm, entries
    with a request, or what would have been one; converted: of these. ended: such entries that are over, by outcome.
    spent: by day, of the budget; empty without one. entries: all, and those that were refused at once; at the end of
    time, `waiting` of them have not asked yet, and `under_way` have, and are not over.
    """

    requested: ByDay = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    customers: int = 0
    by_step: Counter[tuple[int, str]] = field(default_factory=Counter)
    waited_for: Counter[str] = field(default_factory=Counter)
    asked: Counter[Arm] = field(default_factory=Counter)
    converted: Counter[Arm] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    spent: ByDay = field(default_factory=Counter)
    entries: int = 0
    waiting: int = 0
    under_way: int = 0

    def absorb(self, other: "Requests") -> None:
        """Add other customers' requests."""
        self.requested.update(other.requested)
        self.suppressed.update(other.suppressed)
        self.customers += other.customers
        self.by_step.update(other.by_step)
        self.waited_for.update(other.waited_for)
        self.asked.update(other.asked)
        self.converted.update(other.converted)
        self.ended.update(other.ended)
        self.spent.update(other.spent)
        self.entries += other.entries
        self.waiting += other.waiting
        self.under_way += other.under_way


@dataclass(slots=True)
class Figures:
    """Of some customers under one version of the rules. `together_ms`: their time in both of two segments."""

    events: int = 0
    refused: int = 0
    repeats: int = 0
    too_late: int = 0
    signals: int = 0
    segments: dict[str, Flow] = field(default_factory=dict)
    bands: dict[str, Flow] = field(default_factory=dict)
    campaigns: dict[str, Requests] = field(default_factory=dict)
    together_ms: Counter[tuple[str, str]] = field(default_factory=Counter)

    def segment(self, key: str) -> Flow:
        """The flow of a segment; of one that nobody was in, an empty one."""
        return self.segments.get(key, Flow())

    def requests(self, campaign: str) -> Requests:
        """The requests of a campaign; of one that nobody entered, none."""
        return self.campaigns.get(campaign, Requests())

    def absorb(self, other: "Figures") -> None:
        """Add other customers' figures."""
        self.events += other.events
        self.refused += other.refused
        self.repeats += other.repeats
        self.too_late += other.too_late
        self.signals += other.signals
        for mine, theirs in ((self.segments, other.segments), (self.bands, other.bands)):
            for key, flow in theirs.items():
                mine.setdefault(key, Flow()).absorb(flow)
        for key, requests in other.campaigns.items():
            self.campaigns.setdefault(key, Requests()).absorb(requests)
        self.together_ms.update(other.together_ms)

    def overlaps(self) -> Iterator[tuple[str, str, int, float]]:
        """Pairs of segments, how long customers were in both (ms), and what part that is of the time in either."""
        for (one, other), both_ms in sorted(self.together_ms.items(), key=lambda item: (-item[1], item[0])):
            either_ms = self.segments[one].inside_ms + self.segments[other].inside_ms - both_ms
            yield one, other, both_ms, both_ms / either_ms if either_ms else 0.0


class Follower:
    """Follows customers by their signals, in order.

    `moves`: by segment and customer, the instants of entering and leaving by turns.
    """

    def __init__(self) -> None:
        self.figures = Figures()
        self.moves: dict[tuple[str, str], list[int]] = {}
        self._inside: dict[str, dict[str, int]] = {}  # customer -> segment -> since
        self._band: dict[str, tuple[str, int]] = {}  # customer -> band, since
        self._left_band_ms: dict[tuple[str, str], int] = {}
        self._asked: set[tuple[str, str]] = set()
        # Time in both of two segments, by the one that was left first and the other.
        self._together_ms: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._under_way: set[tuple[str, str]] = set()

    def add(self, signals: list[Signal]) -> None:
        """Take in what one batch published."""
        self.figures.signals += len(signals)
        for signal in signals:
            match signal.kind:
                case "entered":
                    self._enter(signal.key, signal.customer, signal.at_ms)
                case "exited":
                    self._leave(signal.key, signal.customer, signal.at_ms)
                case "churn":
                    self._change_band(signal)
                case "requested" | "suppressed" | "ended":
                    self._act(signal)

    def end(self, until_ms: int) -> Figures:
        """The figures, with the time of those who are still inside."""
        for inside in self._inside.values():
            left: dict[str, int] = {}
            for segment, since_ms in inside.items():
                self.figures.segments[segment].inside_ms += until_ms - since_ms
                self._note_together(segment, since_ms, left, until_ms)
                left[segment] = since_ms
        for band, since_ms in self._band.values():
            self.figures.bands[band].inside_ms += until_ms - since_ms
        for one, others in self._together_ms.items():
            for other, both_ms in others.items():
                self.figures.together_ms[(one, other) if one < other else (other, one)] += both_ms
        return self.figures

    def _enter(self, segment: str, customer: str, at_ms: int) -> None:
        flow = self.figures.segments.get(segment)
        if flow is None:
            flow = self.figures.segments[segment] = Flow()
        flow.entries[at_ms // DAY_MS] += 1
        moves = self.moves.get((segment, customer))
        if moves is None:
            moves = self.moves[segment, customer] = []
            flow.customers += 1
        elif at_ms - moves[-1] < FLAP_MS:
            flow.flaps += 1
        moves.append(at_ms)
        self._inside.setdefault(customer, {})[segment] = at_ms

    def _leave(self, segment: str, customer: str, at_ms: int) -> None:
        flow, inside = self.figures.segments[segment], self._inside[customer]
        since_ms = inside.pop(segment)
        flow.exits[at_ms // DAY_MS] += 1
        flow.stays_ms.append(at_ms - since_ms)
        flow.inside_ms += at_ms - since_ms
        self.moves[segment, customer].append(at_ms)
        self._note_together(segment, since_ms, inside, at_ms)

    def _note_together(self, segment: str, since_ms: int, others: Mapping[str, int], at_ms: int) -> None:
        together_ms = self._together_ms[segment]
        for other, entered_ms in others.items():
            both_ms = at_ms - (since_ms if since_ms > entered_ms else entered_ms)
            if both_ms > 0:
                together_ms[other] += both_ms

    def _change_band(self, signal: Signal) -> None:
        customer, band, at_ms = signal.customer, signal.key, signal.at_ms
        bands, day = self.figures.bands, at_ms // DAY_MS
        if customer in self._band:
            before, since_ms = self._band[customer]
            flow = bands[before]
            flow.exits[day] += 1
            flow.stays_ms.append(at_ms - since_ms)
            flow.inside_ms += at_ms - since_ms
            self._left_band_ms[before, customer] = at_ms
        flow = bands.setdefault(band, Flow())
        flow.entries[day] += 1
        left_ms = self._left_band_ms.get((band, customer))
        if left_ms is None:
            flow.customers += 1
        elif at_ms - left_ms < FLAP_MS:
            flow.flaps += 1
        self._band[customer] = band, at_ms

    def _act(self, signal: Signal) -> None:
        action = signal.action
        assert action is not None
        requests = self.figures.campaigns.setdefault(signal.key, Requests())
        who, arm = (signal.key, signal.customer), Arm(action.variant, action.holdout)
        if action.outcome is not None:
            requests.ended[action.outcome] += 1
            requests.converted[arm] += action.outcome == "converted"
            self._under_way.discard(who)
            return
        if action.abort_type is not None:
            requests.suppressed[action.abort_type] += 1
            if action.waited_for is not None:
                requests.waited_for[action.waited_for] += 1
            if action.abort_type != "holdout":
                return
        else:
            requests.requested[signal.at_ms // DAY_MS] += 1
            requests.by_step[action.step, action.channel or ""] += 1
            if who not in self._asked:
                self._asked.add(who)
                requests.customers += 1
        if who not in self._under_way:
            self._under_way.add(who)
            requests.asked[arm] += 1
