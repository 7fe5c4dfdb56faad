"""What every process of ours exports of itself: memory, CPU, open files, and how much memory it may have.

The limit is that of its cgroup (version 2): a container's, or systemd's.
"""

from pathlib import Path
from typing import Final

from prometheus_client import ProcessCollector

from streamproc.metrics import Metrics

_OWN: Final = Path("proc/self/cgroup")
_ALL: Final = Path("sys/fs/cgroup")


def export_process(metrics: Metrics) -> None:
    """Have this process in the metrics, as it is at each scrape."""
    ProcessCollector(registry=metrics.registry)
    metrics.follow("memory_limit_bytes", memory_limit_bytes)


def memory_limit_bytes(root: Path = Path("/")) -> int:
    """The lowest limit of the cgroup and those around it; 0: there is none, or none that can be read."""
    limits = []
    for folder in _folders(root):
        try:
            limits.append(int((folder / "memory.max").read_bytes()))
        except (OSError, ValueError):  # not there, or `max`
            continue
    return min(limits, default=0)


def _folders(root: Path) -> list[Path]:
    """Of the cgroup and those around it. In a container there is most often one, which looks like the topmost."""
    try:
        lines = (root / _OWN).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    top = root / _ALL
    for line in lines:
        if line.startswith("0::/"):  # the others are of version 1
            own = Path(line.removeprefix("0::/"))
            inner = [] if ".." in own.parts else [top / own, *(top / folder for folder in own.parents)]
            return [*inner, top]
    return []
