"""Does the suite notice? `python -m tests.faults.mutants`, or `make mutants`.

Each deliberate bug of `mutations.py` is put into the workers of a short run with the faults that should bring it out.
Ends with 1 if a run with a bug is clean, or if the run without any is not.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.faults.mutations import MUTATIONS
from tests.faults.run import run_seed

#: The faults that bring a bug out. Each was seen to do so with the first seed; others are tried after it.
EXPOSED_BY: Final[dict[str, tuple[str, ...]]] = {
    "": ("two_owners", "zombie", "planted", "kafka_cut", "clients_killed"),
    "no_compare_and_set": ("two_owners", "zombie", "nap"),
    "no_epoch": ("two_owners",),
    "no_type_check": ("planted",),
    "trim_before_ack": ("step", "kill"),
    # Most of what comes twice is recognised by its id: it takes many, and late ones beyond the horizon of that.
    "no_void": ("two_owners", "clients_killed"),
}
#: Where the fault `step` ends workers: between the trim and the ack of a bug that has them the wrong way round.
POINTS: Final = ("send:before", "unpack:after")
SEEDS: Final = 5
_FAULTS_MIN: Final = 8
_RATE: Final = 2_500


def broken(mutation: str, seed: int) -> list[str]:
    """The promises that a run with a bug breaks."""
    names = EXPOSED_BY[mutation]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        result = asyncio.run(
            run_seed(
                seed, len(names) * 2, list(names), Path(folder), mutation=mutation, points=POINTS, quiet=True
            )
        )
    return list(result["wrong"])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=sorted(MUTATIONS), default=None)
    given = parser.parse_args()
    unnoticed = []
    for mutation in given.only or EXPOSED_BY:
        for seed in range(1, 1 + (SEEDS if mutation else 1)):
            wrong = broken(mutation, seed)
            name = mutation or "no bug"
            print(
                f"{name}, seed {seed}: {len(wrong)} promises broken{': ' + wrong[0] if wrong else ''}",
                flush=True,
            )
            if wrong:
                break
        if bool(wrong) != bool(mutation):
            unnoticed.append(mutation or "no bug")
    print(
        f"not as it should be: {', '.join(unnoticed)}"
        if unnoticed
        else "every bug was noticed, and nothing else"
    )
    return int(bool(unnoticed))


if __name__ == "__main__":
    sys.exit(main())
