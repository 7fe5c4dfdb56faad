"""On what it was measured."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from streamproc.clock import wall_ms
from streamproc.contracts.instants import to_iso
from tests.servers.kafka import JARS
from tests.servers.redis import OPTIONS, executable

ROOT: Final = Path(__file__).parents[1]
_PACKAGES: Final = ("faust-streaming", "aiokafka", "redis", "hiredis", "numpy", "msgspec", "orjson")


class Environment(msgspec.Struct, frozen=True):
    """Machine, versions, and what of the repository was measured."""

    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    packages: dict[str, str]
    kafka: str
    java: str
    redis: str
    at: str
    commit: str


def environment() -> Environment:
    """As it is now."""
    jars = sorted(JARS.glob("kafka_*.jar"))
    cpu = _lines("/proc/cpuinfo", "model name")
    return Environment(
        cpu=cpu[0] if cpu else platform.machine(),
        cores=os.cpu_count() or 1,
        memory_gb=round(int(_lines("/proc/meminfo", "MemTotal")[0].split()[0]) / 1024**2, 1),
        kernel=platform.release(),
        python=platform.python_version(),
        packages={name: version(name) for name in _PACKAGES},
        kafka=f"Apache Kafka {jars[0].stem.rpartition('-')[2]}" if jars else "none",
        java=_said("java", "-version").partition("\n")[0],
        redis=f"{_said(str(executable()), '--version').partition(' sha')[0]}; {' '.join(OPTIONS)}",
        at=to_iso(wall_ms()),
        commit=_commit(),
    )


def _commit() -> str:
    """Of what was measured: the page and the figures that a run writes do not make it another one."""
    commit = _said("git", "rev-parse", "--short=12", "HEAD")
    changed = _said("git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)docs")
    return f"{commit}-dirty" if changed else commit


def _lines(file: str, name: str) -> list[str]:
    """What a file of `name: value` lines says."""
    lines = (line.partition(":") for line in Path(file).read_text().splitlines())
    return [value.strip() for key, _, value in lines if key.strip() == name]


def _said(*command: str) -> str:
    """What a command writes; empty if it cannot be run."""
    try:
        ran = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return ran.stdout.strip()
