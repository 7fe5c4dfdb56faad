"""What a packed state takes, part by part, and how long packing takes: the tables of docs/state.md, without servers.

    python -m benchmarks.states --lives 1500

The lives end at the same instant in every run, so that two layouts are compared on the same customers. What a part
takes is what the states are shorter without it, the ring being left out already; parts are told from each other, so
these do not add up.
"""

import argparse
import asyncio
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.bench import packaged
from benchmarks.memory import RING, USES, active_days, chosen, daily, sizes_of, sparse_tables, without
from benchmarks.population import Lives, happened, live
from benchmarks.sizes import FULL
from streamproc.state.layout import pack, unpack
from streamproc.windows.panes import DAY_MS
from streamproc.windows.table import CONTACT_DTYPE, CustomerTable

#: Some instant of a day in 2026 at which people are awake.
END_MS: Final = 1_790_688_221_337
#: What is told together, by its name in the table.
PARTS: Final = {
    "panes": ("panes",),
    "segments, campaigns": ("members", "journeys"),
    "words": ("words",),
    "tallies": ("tallies",),
    "pages and products of the last session": ("views",),
    "hours, categories, funnels": ("hours", "categories", "funnels"),
}
_ROUNDS: Final = 15
_CUSTOMERS_PER_ROUND: Final = 2_000

Sizes = NDArray[np.int64]


def measured(table: CustomerTable, rounds: int = _ROUNDS) -> Iterator[tuple[str, str]]:
    """Lines of the table, each with its name. `rounds`: of which the fastest counts."""
    bare = without(table, [RING])
    whole = sizes_of(bare)
    yield "fixed row, version, sizes", f"{sizes_of(without(table, sparse_tables(table))).mean():.0f}"
    for part, names in PARTS.items():
        rows = sum(len(getattr(table, name)) for name in names) / len(table)
        yield part, f"{(whole - sizes_of(without(bare, names))).mean():.0f} ({rows:.1f})"
    yield "all without the ring", f"{whole.mean():.0f}"
    yield "half of the customers have at most", f"{np.median(whole):.0f}"
    ring = sizes_of(table) - whole
    yield "ring", f"{ring.mean():.0f} ({len(table.ring) / len(table):.1f})"
    yield "with four times the totals: more", f"{(sizes_of(_older(bare)) - whole).mean():.0f}"
    yield "an open journey: more", f"{_an_open_journey(bare, whole):.1f}" if len(table.journeys) else "-"
    yield "a contact, of ten in a month", f"{(sizes_of(_asked(bare)) - whole).mean() / 10:.1f}"
    states, nobody = pack(table), [""] * len(table)
    yield "packed in µs", f"{_us(lambda: pack(table), len(table), rounds):.1f}"
    yield "unpacked in µs", f"{_us(lambda: unpack(nobody, states), len(table), rounds):.1f}"


def _older(table: CustomerTable) -> CustomerTable:
    """As if the customers had been there for a year before: what the panes do not hold."""
    head, tallies = table.head.copy(), table.tallies.copy()
    for name in ("events", "orders", "sessions", "money_micros", "active_days", "decayed_days"):
        head[name] *= 4
    tallies["count"] *= 4
    return dataclasses.replace(table, head=head, tallies=tallies)


def _an_open_journey(table: CustomerTable, whole: Sizes) -> float:
    """What an open journey takes beside its campaign: entered at a request, the next step in three days."""
    journeys = table.journeys.copy()
    at_ms = (table.head["last_activity_ms"][journeys["row"]] // 1000 + 86_399) * 1000
    journeys["requested_ms"] = at_ms
    asked = sizes_of(dataclasses.replace(table, journeys=journeys.copy())) - whole
    for name in ("entered_ms", "first_ms"):
        journeys[name] = at_ms
    journeys["step_ms"], journeys["look_ms"] = at_ms + 3 * DAY_MS, at_ms + 3 * DAY_MS
    for name in ("step", "asked", "requests"):
        journeys[name] = 1
    opened = sizes_of(dataclasses.replace(table, journeys=journeys)) - whole
    return float((opened - asked).sum() / len(journeys))


def _asked(table: CustomerTable) -> CustomerTable:
    """With ten contacts each, whole seconds, the first at the last activity."""
    contacts = np.zeros(10 * len(table), CONTACT_DTYPE)
    contacts["row"] = np.repeat(np.arange(len(table)), 10)
    contacts["channel"] = np.tile(np.arange(10) % 5, len(table))
    first_ms = table.head["last_activity_ms"][contacts["row"]] // 1000 * 1000
    contacts["at_ms"] = first_ms + np.tile(np.arange(10), len(table)) * (3 * DAY_MS + 4_321_000)
    return dataclasses.replace(table, contacts=contacts)


def _us(work: Callable[[], object], customers: int, rounds: int) -> float:
    """CPU time of a customer, at best."""
    best_s, repeats = float("inf"), max(1, _CUSTOMERS_PER_ROUND // customers)
    for _ in range(rounds):
        began_s = time.thread_time()
        for _ in range(repeats):
            work()
        best_s = min(best_s, time.thread_time() - began_s)
    return best_s / repeats / customers * 1e6


async def customers_by_use(customers: int) -> dict[str, Lives]:
    """Light, typical and heavy ones of so many simulated customers."""
    definitions = packaged()
    everybody = await live(definitions, happened(customers, END_MS), END_MS, FULL.step_ms)
    heavy = await live(definitions, daily(customers, END_MS), END_MS, FULL.step_ms)
    days = active_days(everybody)
    return {
        name: heavy if name == "heavy" else chosen(everybody, np.abs(days - wanted) <= about)
        for name, (wanted, about) in USES.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lives", type=int, default=FULL.memory_lives, help="simulated customers")
    groups = asyncio.run(customers_by_use(parser.parse_args().lives))
    columns = {}
    for name, group in groups.items():
        columns[name] = dict(measured(unpack([""] * len(group.states), group.states)))
        columns[name] = {"customers": str(len(group.states)), **columns[name]}
    print(f"{'':50}" + "".join(f"{name:>14}" for name in columns))
    for line in next(iter(columns.values())):
        print(f"{line:50}" + "".join(f"{column[line]:>14}" for column in columns.values()))


if __name__ == "__main__":
    main()
