"""Journeys: how far a customer came in campaigns, read from the columns of a state and written back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from streamproc.rules.campaign import Campaign
from streamproc.windows.panes import INF, NEVER, as_numbers
from streamproc.windows.table import JOURNEY_DTYPE, NO_STEP, Table


@dataclass(slots=True)
class Journey:
    """A customer in one campaign; the fields are those of JOURNEY_DTYPE.

    seq: entries so far. requested_ms: the last request ever, ghosts included. Of the open journey: when it was entered,
    when it first asked (first_ms), when its next step is due (step_ms), when to look again (look_ms); step: that
    step, from 0; beyond the last: the ladder is closed; NO_STEP: no journey is open. asked: number of the last step
    that asked, from 1; requests: how many did. arm: see `arm_of`.
    """

    seq: int = 0
    requested_ms: int = NEVER
    entered_ms: int = NEVER
    first_ms: int = NEVER
    step_ms: int = NEVER
    look_ms: int = INF
    step: int = NO_STEP
    asked: int = 0
    requests: int = 0
    arm: int = 0

    @property
    def is_open(self) -> bool:
        """Whether there is one."""
        return self.step != NO_STEP

    @property
    def has_asked(self) -> bool:
        """Whether the open one has asked, if only a ghost."""
        return self.first_ms != NEVER

    def begin(self, now_ms: int, step_ms: int, arm: int) -> None:
        """Open one."""
        self.entered_ms, self.step_ms, self.look_ms, self.step, self.arm = now_ms, step_ms, step_ms, 0, arm
        self.first_ms, self.asked, self.requests = NEVER, 0, 0

    def end(self) -> None:
        """Close it; what outlasts it stays."""
        self.entered_ms = self.first_ms = self.step_ms = NEVER
        self.look_ms, self.step, self.asked, self.requests, self.arm = INF, NO_STEP, 0, 0, 0


def reentry_refusal(
    campaign: Campaign, journey: Journey, now_ms: int
) -> Literal["in_journey", "never_again", "cooldown"] | None:
    """Why a customer with this journey cannot enter the campaign now; None: nothing of the past speaks against it."""
    if journey.step_ms != NEVER:
        return "in_journey"
    if journey.requested_ms != NEVER:
        if campaign.again_ms is None:
            return "never_again"
        if journey.requested_ms > now_ms - campaign.again_ms:
            return "cooldown"
    return None


def arm_of(variant: int | None, is_held_out: bool) -> int:
    """The code of an arm: 0 where nothing is tried."""
    return 2 * (0 if variant is None else variant + 1) + is_held_out


def is_control(arm: int) -> bool:
    """Whether it is the control group's."""
    return bool(arm & 1)


def variant_of(arm: int) -> int | None:
    """Place of its variant among the campaign's; None: there are none."""
    return (arm >> 1) - 1 if arm > 1 else None


def variant_name(campaign: Campaign, arm: int) -> str:
    """Its variant's name; empty: it has none, or the file had more of them when the customer entered."""
    place = variant_of(arm)
    return campaign.variants[place][0] if place is not None and place < len(campaign.variants) else ""


def places_of(journeys: Table, campaigns: Sequence[Campaign]) -> NDArray[np.int64]:
    """Of each row, the place of its campaign in the file; -1: it is not there any more."""
    places = np.full(len(journeys), -1, np.int64)
    for place, campaign in enumerate(campaigns):
        places[journeys["campaign"] == campaign.id] = place
    return places


def read_journeys(rows: Table) -> list[Journey]:
    """Those at some rows of `CustomerTable.journeys`."""
    return [Journey(*own) for own in as_numbers(rows)[:, 2:].tolist()]


def write_journeys(
    table: Table, changed: Mapping[tuple[int, int], Journey], campaigns: Sequence[Campaign]
) -> Table:
    """`table` with the journeys of customers (by row) in campaigns (by place) that have changed, or are new."""
    if not changed:
        return table
    # As numbers: numpy makes and moves rows field by field.
    mine = np.array(
        [(row, campaigns[place].id, *_FIELDS(journey)) for (row, place), journey in changed.items()],
        np.int64,
    )
    key, known = mine[:, 0] << 32 | mine[:, 1], _keys(table)
    order = np.argsort(key)
    mine, key = mine[order], key[order]
    at = np.searchsorted(known, key)
    is_new = np.append(known, -1)[at] != key
    written = as_numbers(table).copy()
    written[at[~is_new]] = mine[~is_new]
    if is_new.any():
        written = np.insert(written, at[is_new], mine[is_new], axis=0)
    return written.view(JOURNEY_DTYPE)[:, 0]


def first_looks_ms(journeys: Table, places: Iterable[int], customers: int) -> NDArray[np.int64]:
    """When journeys of campaigns that there still are must be looked at next: int64[customers]."""
    known = np.asarray(places) >= 0
    looks_ms = np.full(customers, INF, np.int64)
    np.minimum.at(looks_ms, journeys["row"][known], journeys["look_ms"][known])
    return looks_ms


def _keys(rows: Table) -> NDArray[np.int64]:
    """Of a row, its customer and campaign in one number."""
    keys: NDArray[np.int64] = (rows["row"] << 32) | rows["campaign"]
    return keys


#: A journey's fields as those of a row.
_FIELDS: Final = attrgetter(*(one.name for one in fields(Journey)))
