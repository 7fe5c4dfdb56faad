"""The facts about customers of whom campaigns decide, and where what was decided goes."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.actions.caps import Contact
from streamproc.actions.journeys import Journey, places_of, read_journeys, write_journeys
from streamproc.actions.said import Facts
from streamproc.actions.zones import zone_of
from streamproc.features.totals import best_hours
from streamproc.transitions.triggers import CampaignPlan, Found
from streamproc.windows.contacts import add_contacts
from streamproc.windows.panes import as_numbers
from streamproc.windows.table import CustomerTable, take_rows
from streamproc.windows.words import CONSENT, answered_ms, suppressed, time_zones

Ints = NDArray[np.int64]


class Case(NamedTuple):
    """A customer, by row, with the journeys by the place of their campaign."""

    row: int
    journeys: dict[int, Journey]
    facts: Facts


class Cases:
    """The customers at `rows` (rising) of a table."""

    def __init__(self, table: CustomerTable, rows: Ints, found: Found, plan: CampaignPlan) -> None:
        self._table, self._rows, self._found, self._plan = table, rows, found, plan
        tables = (table.journeys, table.contacts, table.words, table.hours)
        self._my_journeys, self._my_contacts, self._words, self._hours = take_rows(tables, rows)
        self._journeys = self._read_journeys()
        self._contacts = self._read_contacts()
        self._known_contacts = list(map(len, self._contacts))

    def __iter__(self) -> Iterator[Case]:
        head, words, rows, n = self._table.head, self._words, self._rows, len(self._rows)
        plan, found = self._plan, self._found
        reacted_ms = answered_ms(words, n)
        reacted = np.where(reacted_ms.max(axis=0) >= 0, reacted_ms.argmax(axis=0), -1)
        best_hour = best_hours(self._hours, n) if plan.asks_best_hour else np.full(n, -1)
        complains = np.zeros(n, np.bool_) if plan.complaint is None else found.meets(plan.complaint)[rows]
        columns = (
            found.now_ms[rows],
            found.redefined[rows],
            self._consents(),
            suppressed(words, n),
            complains,
            reacted,
            best_hour,
            time_zones(words, n),
            head["last_activity_ms"][rows],
            head["last_order_ms"][rows],
        )
        for at, (row, *about) in enumerate(
            zip(rows.tolist(), *(column.tolist() for column in columns), strict=True)
        ):
            (
                now_ms,
                redefined,
                consents,
                is_suppressed,
                complaining,
                channel,
                hour,
                zone,
                active_ms,
                bought_ms,
            ) = about
            facts = Facts(
                customer=self._table.ids[row],
                now_ms=now_ms,
                redefined=redefined,
                consents=consents,
                is_suppressed=is_suppressed,
                complains=complaining,
                reacted=channel,
                best_hour=hour,
                zone=zone_of(zone, plan.policy.time_zone),
                last_activity_ms=active_ms,
                last_order_ms=bought_ms,
                holds=lambda place, row=row: found.holds(plan, place, row),  # type: ignore[misc]
                contacts=self._contacts[at],
            )
            yield Case(row, self._journeys[at], facts)

    def write_back(self) -> None:
        """Put journeys and contacts into the table."""
        table, rows = self._table, self._rows.tolist()
        changed = {
            (rows[at], place): journey
            for at, journeys in enumerate(self._journeys)
            for place, journey in journeys.items()
        }
        table.journeys = write_journeys(table.journeys, changed, self._plan.campaigns)
        more = [
            (rows[at], contact.channel, contact.at_ms)
            for at, (contacts, known) in enumerate(zip(self._contacts, self._known_contacts, strict=True))
            for contact in contacts[known:]
        ]
        if more:
            row, channel, at_ms = np.array(more, np.int64).T
            table.contacts = add_contacts(table.contacts, row, channel, at_ms, len(table))

    def _read_journeys(self) -> list[dict[int, Journey]]:
        rows = self._my_journeys
        found: list[dict[int, Journey]] = [{} for _ in range(len(self._rows))]
        places = places_of(rows, self._plan.campaigns)
        known = np.flatnonzero(places >= 0)
        for at, place, journey in zip(
            rows["row"][known].tolist(), places[known].tolist(), read_journeys(rows.take(known)), strict=True
        ):
            found[at][place] = journey
        return found

    def _read_contacts(self) -> list[list[Contact]]:
        found: list[list[Contact]] = [[] for _ in range(len(self._rows))]
        for at, channel, at_ms in as_numbers(self._my_contacts).tolist():
            found[at].append(Contact(channel, at_ms))
        return found

    def _consents(self) -> Ints:
        """By row, a bit for the code of each channel that the customer consents to."""
        words = self._words
        granted = np.flatnonzero((words["about"] == CONSENT) & (words["value"] != 0))
        consents = np.zeros(len(self._rows), np.int64)
        bits = np.left_shift(1, words["key"][granted].astype(np.int64))
        np.bitwise_or.at(consents, words["row"][granted], bits)
        return consents
