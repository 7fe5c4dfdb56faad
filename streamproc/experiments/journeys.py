"""Signals counted: which customers were asked, or would have been, and what became of them.

Repeats change nothing, whatever their number. Memory is bound by what there is to tell apart, not by the signals read:
37 bytes for every entry that was asked (or ended) and 12 for every request and suppression, and about four times as
much while rows are put in order. Ids are 64-bit hashes: that two of ten million entries are taken for one has a
probability of three in a million.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from streamproc.contracts.instants import to_epoch_ms
from streamproc.experiments.keyed import KeyedRows, Places, Rows, starts
from streamproc.experiments.signals import (
    CONVERTED,
    ENDED,
    NOT_CONVERTED,
    SUPPRESSED,
    Arm,
    Said,
    read_signal,
)

Bools = NDArray[np.bool_]

#: An instant that is not known.
_NEVER: Final = np.iinfo(np.int64).min
#: Outcomes by code; 0: not ended.
_OUTCOMES: Final = {CONVERTED: 1, NOT_CONVERTED: 2}
_OTHER_OUTCOME: Final = 3

#: What is known of an entry. customer: hash of customer and campaign; arm: place among the arms; exposed_ms: of the
#: first request that was read, NEVER if none was; began_ms: of the first request as its end tells it.
_ENTRY: Final = np.dtype(
    [
        ("entry", "u8"),
        ("customer", "u8"),
        ("arm", "i4"),
        ("exposed_ms", "i8"),
        ("began_ms", "i8"),
        ("outcome", "i1"),
    ]
)
#: A request or a suppression; what: place among the (arm, abort type; empty: requested).
_DECISION: Final = np.dtype([("decision", "u8"), ("what", "i4")])


@dataclass(slots=True)
class ArmCounts:
    """What there was in an arm.

    entries: asked at least once (or that would have been). ended: of these. requests, suppressed (by abort type):
    decisions about all entries. customers: with such an entry. over: of these, those whose first such entry ended, and
    whose window is over. converted: of these, who did what the campaign is for in their first entry's window.
    """

    entries: int = 0
    ended: int = 0
    requests: int = 0
    suppressed: Counter[str] = field(default_factory=Counter)
    customers: int = 0
    over: int = 0
    converted: int = 0


@dataclass(slots=True)
class CampaignCounts:
    """A campaign's arms, in the order of variant and holdout.

    goal: None if no end was read. cut: ended entries of which the beginning was not read. endless: entries whose window
    is over, but that have no end.
    """

    campaign: str
    arms: dict[Arm, ArmCounts] = field(default_factory=dict)
    goal: str | None = None
    cut: int = 0
    endless: int = 0


class Journeys:
    """Takes signals, in the order of their partitions, and counts them."""

    def __init__(self) -> None:
        self.signals = 0
        self.left_out = 0
        self._arms: dict[Arm, int] = {}
        self._whats: dict[tuple[int, str], int] = {}
        self._goals: dict[str, str] = {}
        self._entries = KeyedRows(_ENTRY, _merged_entries)
        self._decisions = KeyedRows(_DECISION, _first_decisions)

    def add(self, values: Iterable[bytes | None]) -> None:
        """Take records' values. What is no signal of an action, with an entry, is counted as `left_out`."""
        for value in values:
            said = read_signal(value)
            if said is None:
                self.left_out += 1
            else:
                self.signals += 1
                self._take(said)

    def counts(self, since_ms: int | None = None) -> list[CampaignCounts]:
        """By campaign, in the order of their keys. `since_ms`: only entries first asked at or after that instant.

        Requests and suppressions are of all that was read.
        """
        entries, decisions = self._entries.rows(), self._decisions.rows()
        arms = sorted(self._arms, key=lambda arm: (arm.campaign, arm.variant or "", arm.holdout))
        campaigns: dict[str, CampaignCounts] = {}
        for arm in arms:
            own = campaigns.setdefault(arm.campaign, CampaignCounts(arm.campaign))
            own.arms[arm] = ArmCounts()
        for key, own in campaigns.items():
            own.goal = self._goals.get(key)
            self._count_entries(own, entries, since_ms)
        by_place = list(self._arms)
        decided = np.bincount(decisions["what"], minlength=len(self._whats)).tolist()
        for (place, what), count in zip(self._whats, decided, strict=True):
            counts = campaigns[by_place[place].campaign].arms[by_place[place]]
            if what:
                counts.suppressed[what] += count
            else:
                counts.requests += count
        return list(campaigns.values())

    def _take(self, said: Said) -> None:
        arm = self._arms.setdefault(said.arm, len(self._arms))
        who = f"{said.arm.campaign}/{said.customer}"
        entry = f"{said.entry}/{who}"
        if said.event == ENDED:
            if said.goal is not None:
                self._goals[said.arm.campaign] = said.goal
            if said.first_requested_at is None:
                return
            began_ms = to_epoch_ms([said.first_requested_at])[0]
            outcome = _OUTCOMES.get(said.what, _OTHER_OUTCOME)
            row = (_hash(entry), _hash(who), arm, _NEVER, began_ms, outcome)
            self._entries.add(row)
            return
        if said.is_exposure:
            row = (_hash(entry), _hash(who), arm, to_epoch_ms([said.at])[0], _NEVER, 0)
            self._entries.add(row)
        if not (said.is_exposure and said.event == SUPPRESSED):
            what = self._whats.setdefault((arm, said.what), len(self._whats))
            self._decisions.add((_hash(f"{said.step}/{said.what}/{entry}"), what))

    def _count_entries(self, own: CampaignCounts, entries: Rows, since_ms: int | None) -> None:
        places = {self._arms[arm]: counts for arm, counts in own.arms.items()}
        mine = entries[np.isin(entries["arm"], list(places))]
        # Where the first request is not known, a conversion may have been overlooked as well: such entries would tell
        # of failures alone.
        whole = (mine["exposed_ms"] != _NEVER) & ~(
            (mine["began_ms"] != _NEVER) & (mine["began_ms"] < mine["exposed_ms"])
        )
        own.cut = int((~whole & (mine["outcome"] > 0)).sum())
        entries = mine[whole & (mine["exposed_ms"] >= (_NEVER if since_ms is None else since_ms))]
        failed = entries["exposed_ms"][entries["outcome"] == _OUTCOMES[NOT_CONVERTED]]
        over = entries["exposed_ms"] <= (failed.max() if len(failed) else _NEVER)
        ended = entries["outcome"] > 0
        own.endless = int((over & ~ended).sum())
        first = _firsts(entries)
        compared = first & over & ended
        converted = compared & (entries["outcome"] == _OUTCOMES[CONVERTED])
        for place, counts in places.items():
            here = entries["arm"] == place
            counts.entries, counts.ended = int(here.sum()), int((here & ended).sum())
            counts.customers, counts.over = int((here & first).sum()), int((here & compared).sum())
            counts.converted = int((here & converted).sum())


def _hash(text: str) -> int:
    digest: int = xxh3_64_intdigest(text.encode())
    return digest


def _firsts(entries: Rows) -> Bools:
    """Which entries are their customer's first.

    Arms are drawn by customer: later entries would count the same draw again, and how many there are is itself
    something that being asked changes.
    """
    order = np.lexsort((entries["exposed_ms"], entries["customer"]))
    first = np.zeros(len(entries), np.bool_)
    first[order[starts(entries["customer"][order])]] = True
    return first


def _merged_entries(rows: Rows, first: Places) -> Rows:
    """What was read first says when somebody was asked, what was read last how it ended."""
    places = np.arange(len(rows))
    exposed = np.minimum.reduceat(np.where(rows["exposed_ms"] != _NEVER, places, len(rows)), first)
    ended = np.maximum.reduceat(np.where(rows["outcome"] > 0, places, -1), first)
    merged = rows[np.where(exposed < len(rows), exposed, first)]
    merged["began_ms"] = np.where(ended >= 0, rows["began_ms"][ended], _NEVER)
    merged["outcome"] = np.where(ended >= 0, rows["outcome"][ended], 0)
    return merged


def _first_decisions(rows: Rows, first: Places) -> Rows:
    return rows[first]
