"""The table of faults and outcomes: `python -m tests.faults.report FILE --write` puts it into docs/reliability.md.

FILE has the outcomes of runs, a line each, as `make faults ARGS="--json FILE"` adds them.
"""

import argparse
import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from tests.faults.catalogue import FAULTS
from tests.faults.run import RECOVERY_S

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- begin: made by python -m tests.faults.report -->", "<!-- end -->"
#: Ended by a fault that cannot be taken back.
LAST: Final = "partitions_changed"


def table(results: list[dict[str, Any]]) -> str:
    """Markdown: the totals, then a row for every fault."""
    recoveries: dict[str, list[float | None]] = defaultdict(list)
    by_company: dict[bool, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        by_company[result["beside"] > 0].append(result)
        for outcome in result["outcomes"]:
            recoveries[outcome["fault"]].append(outcome["recovery_s"])
    count = sum(map(len, recoveries.values())) + len(results)

    def total(name: str) -> int:
        return sum(result[name] for result in results)

    sent = total("signals") + total("repeats")
    wrong = sum(len(result["wrong"]) for result in results)
    superseded = f"{total('rewinds'):,}; {total('ghosts'):,}; {total('restated'):,}"
    lines = [
        f"{len(results)} runs with seeds of their own, {count:,} faults, {total('events'):,} events and "
        f"{total('bad'):,} bad records, {total('signals'):,} signals:",
        "",
        "| what | figure |",
        "|---|---|",
        f"| promises broken: lost, counted twice, out of order, too early, unaccounted for | {wrong} |",
        *(_recovery(mine, company=company) for company, mine in sorted(by_company.items())),
        f"| repeats, equal to the byte, of all records sent | {total('repeats'):,} ({total('repeats') / sent:.1%}) |",
        f"| losses of Redis noticed; ghosts superseded; customers restated | {superseded} |",
        f"| records that Kafka had deleted unread, all accounted for | {total('lost'):,} |",
        f"| workers started anew | {total('restarts'):,} |",
        "",
        "| fault | what is done | times | recovered | median | p95 |",
        "|---|---|---|---|---|---|",
    ]
    for name, fault in FAULTS.items():
        values = recoveries.get(name, [])
        done = [value for value in values if value is not None]
        what = (fault.__doc__ or "").partition("\n")[0]
        times = _seconds(statistics.median(done), _p95(done), " | ") if done else "- | -"
        lines.append(f"| {name} | {what} | {len(values)} | {len(done)} | {times} |")
    lines.append(
        f"| {LAST} | At the end of every run a topic gets more partitions: a worker refuses to start. | "
        f"{len(results)} | by design not | - | - |"
    )
    return "\n".join(lines)


def _recovery(results: list[dict[str, Any]], *, company: bool) -> str:
    """The row of runs that had the machine to themselves, or of those that shared it."""
    found = [outcome["recovery_s"] for result in results for outcome in result["outcomes"]]
    recovered = [value for value in found if value is not None]
    where = "two runs at a time on two cores" if company else "alone on two cores"
    return (
        f"| recovery, {where} ({len(results)} runs): median; p95; longest; within {RECOVERY_S:.0f} s (session "
        f"timeout + 5 s) | {_seconds(statistics.median(recovered), _p95(recovered))}; {max(recovered):.1f} s; "
        f"{_share(recovered):.1%} |"
    )


def _seconds(first: float, second: float, between: str = "; ") -> str:
    return f"{first:.1f} s{between}{second:.1f} s"


def _p95(values: list[float]) -> float:
    return sorted(values)[min(int(len(values) * 0.95), len(values) - 1)]


def _share(values: list[float]) -> float:
    return sum(value <= RECOVERY_S for value in values) / len(values)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--write", action="store_true", help="into docs/reliability.md")
    given = parser.parse_args()
    made = table([json.loads(line) for line in given.file.read_text().splitlines()])
    if not given.write:
        print(made)
        return 0
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
