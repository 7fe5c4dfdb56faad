"""What a process exports of itself; the limit of its cgroup, from files as the kernel shows them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from streamproc.metrics import WEBHOOKS, WORKER, Definition, Metrics
from streamproc.process import export_process, memory_limit_bytes

GIB = 1 << 30


def shown(root: Path, own: str, limits: dict[str, str]) -> Path:
    """A machine whose process is in the cgroup `own`; `limits`: folder -> memory.max."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(own)
    for folder, limit in limits.items():
        place = root / "sys" / "fs" / "cgroup" / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / "memory.max").write_text(limit)
    return root


@pytest.mark.parametrize(
    ("own", "limits", "limit_bytes"),
    [
        pytest.param("0::/\n", {"": "2147483648\n"}, 2 * GIB, id="a container"),
        pytest.param("0::/\n", {"": "max\n"}, 0, id="a container without a limit"),
        pytest.param(
            "0::/system.slice/streamproc.service\n",
            {"system.slice/streamproc.service": "1073741824\n", "system.slice": "max\n"},
            GIB,
            id="a service of systemd",
        ),
        pytest.param(
            "0::/pods/one/worker\n",
            {"pods/one/worker": "2147483648\n", "pods/one": "1073741824\n", "pods": "8589934592\n"},
            GIB,
            id="the narrowest counts",
        ),
        pytest.param(
            "0::/kubepods/pod1/c1\n",
            {"": "1073741824\n"},
            GIB,
            id="a path of the host, seen from a container",
        ),
        pytest.param("0::/../other\n", {"": "1073741824\n"}, GIB, id="moved out of its namespace"),
        pytest.param("4:memory:/a\n0::/\n", {}, 0, id="version 1"),
        pytest.param("", {"": "1073741824\n"}, 0, id="no cgroup"),
    ],
)
def test_the_limit(tmp_path: Path, own: str, limits: dict[str, str], limit_bytes: int) -> None:
    assert memory_limit_bytes(shown(tmp_path, own, limits)) == limit_bytes


def test_another_system_has_none(tmp_path: Path) -> None:
    assert memory_limit_bytes(tmp_path) == 0


@pytest.mark.parametrize("catalogue", [WORKER, WEBHOOKS], ids=["worker", "webhooks"])
def test_memory_and_its_limit_are_exported(
    catalogue: Sequence[Definition], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamproc.process.memory_limit_bytes", lambda: 2 * GIB)
    metrics = Metrics(catalogue=catalogue)
    export_process(metrics)
    assert metrics.registry.get_sample_value("streamproc_memory_limit_bytes") == 2 * GIB
    resident_bytes = metrics.registry.get_sample_value("process_resident_memory_bytes")
    assert resident_bytes is not None
    assert resident_bytes > 0
