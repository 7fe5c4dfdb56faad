"""Messages to a customer as far as the state knows them: when there were some, what they did with them, their clock.

JSON values; instants as ISO 8601.
"""

from typing import Any, Final

from streamproc.api.instants import iso_or_none
from streamproc.contracts.events import OUTCOMES
from streamproc.contracts.instants import to_iso
from streamproc.contracts.meanings import CONSENT_CHANNELS, TALLIES
from streamproc.contracts.outcomes import effect
from streamproc.contracts.time_zones import zone_names
from streamproc.rules.campaign import ContactPolicy
from streamproc.windows.table import CustomerTable
from streamproc.windows.words import answered_ms, time_zones

_TALLIES: Final = tuple(TALLIES)
_DELIVERED, _OPENED, _CLICKED = OUTCOMES[:3]
#: By what is told, the outcome that counts as a tally. Where opening and clicking are the same tally, it is opening.
_TOLD: Final = {"delivered_at": _DELIVERED, "clicked_at": _CLICKED, "opened_at": _OPENED}


def describe_time_zone(table: CustomerTable, policy: ContactPolicy) -> dict[str, Any]:
    """The zone whose clocks count for the customer; `told` False: it is what the rules assume."""
    name = zone_names().get(int(time_zones(table.words, 1)[0]))
    return {"name": name or policy.time_zone, "told": name is not None}


def describe_contacts(table: CustomerTable) -> list[dict[str, str]]:
    """What caps count: our requests and messages of others, the oldest first, at most 64."""
    return [
        {"at": to_iso(int(contact["at_ms"])), "channel": CONSENT_CHANNELS[contact["channel"]]}
        for contact in table.contacts
    ]


def describe_reactions(table: CustomerTable) -> dict[str, dict[str, str]]:
    """By channel, when the latest message was delivered, opened, clicked, as far as that is known, whoever sent it.

    `reacted_at`: opened or clicked, of channels of which no more is kept.
    """
    last_ms = {_TALLIES[row["tally"]]: int(row["last_ms"]) for row in table.tallies}
    reacted_ms = answered_ms(table.words, 1)[:, 0]
    found: dict[str, dict[str, str]] = {}
    for code, channel in enumerate(CONSENT_CHANNELS):
        told: dict[str, str] = {}
        tallies = {effect(outcome, channel).tally: name for name, outcome in _TOLD.items()}
        for tally, name in tallies.items():
            if tally in last_ms:
                told[name] = to_iso(last_ms[tally])
        if not told and (at := iso_or_none(int(reacted_ms[code]))):
            told["reacted_at"] = at
        if told:
            found[channel] = told
    return found
