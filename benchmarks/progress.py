"""How far a program is, what it has used, and what of that is measured."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

#: The part of the work that is measured: not the start, when caches are cold, and not the end.
FROM, TO = 0.10, 0.95
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class Progress(NamedTuple):
    """What a program had done, and its CPU time, at an instant of the monotonic clock."""

    done: int
    s: float
    cpu_s: float


@dataclass(frozen=True)
class Figures:
    """A measured part of a run. No number if the run was too short to be measured."""

    program: str
    events: int
    s: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Events per second."""
        return self.events / self.s if self.events and self.s else math.nan

    @property
    def per_cpu_s(self) -> float:
        """Events per second of CPU time of the program's process, user and system."""
        return self.events / self.cpu_s if self.events and self.cpu_s else math.nan


def figures(program: str, progress: Sequence[Progress], events: int) -> Figures:
    """Between the first news that a tenth was done and the first that 95 % were."""
    begin, end = (
        next((news for news in progress if news.done >= part * events), progress[-1]) for part in (FROM, TO)
    )
    return Figures(program, end.done - begin.done, end.s - begin.s, end.cpu_s - begin.cpu_s)


def cpu_s(pid: int) -> float:
    """CPU time of a process and of its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS_PER_S


def resident_mb(pid: int) -> float:
    """The most memory that a process had so far, as the kernel counts it, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"process {pid} has no memory")
