"""What a running worker takes up when its files change. (That it works as a whole: tests/integration.)"""

import asyncio
import os
from pathlib import Path

import pytest

from streamproc import reloads
from streamproc.loading import load_definitions
from streamproc.metrics import Metrics
from streamproc.reloads import Reloads
from streamproc.rules.cutoff_values import encode_cutoffs
from streamproc.settings import Settings
from streamproc.transitions.definitions import Definitions
from tests.unit.rules.test_cutoffs import RULES, values


class Told:
    """In the place of the shards: what they are told."""

    def __init__(self) -> None:
        self.definitions: list[Definitions] = []

    def redefine(self, definitions: Definitions) -> None:
        self.definitions.append(definitions)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(reloads, "_EVERY_S", 0.01)
    (tmp_path / "rules.yaml").write_text(RULES)
    return Settings(rules=str(tmp_path / "rules.yaml"), cutoffs=str(tmp_path / "cutoffs.json"))


def of(settings: Settings) -> tuple[Metrics, Reloads]:
    metrics = Metrics()
    return metrics, Reloads(settings, load_definitions(settings), metrics)


async def watched(worker: tuple[Metrics, Reloads], told: Told, outcome: str, count: int) -> None:
    """Let a worker look at its files until it has loaded or refused so many times."""
    metrics, watching = worker
    watch = asyncio.create_task(watching.watch(told.redefine))
    try:
        async with asyncio.timeout(10):
            while (
                metrics.registry.get_sample_value("streamproc_rules_reloads_total", {"outcome": outcome})
                != count
            ):
                await asyncio.sleep(0.01)
                if watch.done():
                    await watch
    finally:
        watch.cancel()


async def test_new_values_of_cutoffs_are_taken_up(settings: Settings, tmp_path: Path) -> None:
    """Without a version raised; everybody is evaluated, since the fingerprint differs. Gone again, they stay."""
    path = tmp_path / "cutoffs.json"
    definitions = load_definitions(settings)
    assert definitions.ruleset.cutoffs[0].value == 12
    worker, told = of(settings), Told()
    watch = asyncio.create_task(watched(worker, told, "loaded", 1))
    await asyncio.sleep(0.05)
    path.write_bytes(encode_cutoffs(values(heavy_use="9")))
    await watch
    (loaded,) = told.definitions
    assert loaded.ruleset.cutoffs[0].value == 9
    assert loaded.fingerprint != definitions.fingerprint
    assert loaded.ruleset.segments[0].version == definitions.ruleset.segments[0].version

    watch = asyncio.create_task(watched(worker, told, "refused", 1))
    await asyncio.sleep(0.05)
    path.unlink()
    await watch
    assert len(told.definitions) == 1


async def test_broken_values_leave_the_old_ones(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "cutoffs.json"
    path.write_bytes(encode_cutoffs(values(heavy_use="9")))
    worker, told = of(settings), Told()
    watch = asyncio.create_task(watched(worker, told, "refused", 1))
    await asyncio.sleep(0.05)
    path.write_bytes(b"{")
    await watch
    assert told.definitions == []


@pytest.mark.parametrize("mended", ["9", "10"], ids=["the old ones back", "others"])
async def test_files_are_said_to_be_refused_until_they_are_right(
    settings: Settings, tmp_path: Path, mended: str
) -> None:
    path = tmp_path / "cutoffs.json"
    path.write_bytes(encode_cutoffs(values(heavy_use="9")))
    worker, told = of(settings), Told()

    def refused() -> float | None:
        return worker[0].registry.get_sample_value("streamproc_rules_refused")

    worker[1].show()
    assert refused() == 0
    for times in (1, 2):  # one mistake after the other
        watch = asyncio.create_task(watched(worker, told, "refused", times))
        await asyncio.sleep(0.05)
        assert refused() == times - 1
        path.write_bytes(b"{" * times)
        await watch
        assert refused() == 1
    watch = asyncio.create_task(watched(worker, told, "loaded", 1))
    await asyncio.sleep(0.05)
    path.write_bytes(encode_cutoffs(values(heavy_use=mended)))
    await watch
    assert refused() == 0


def swapped_in(folder: Path, name: str, files: dict[str, str]) -> None:
    """What Kubernetes does to a mounted ConfigMap: a new directory, and a link to it that is replaced in one step.

    All times are the same, as those of files out of an archive may be.
    """
    made = folder / name
    made.mkdir()
    for file, text in files.items():
        (made / file).write_text(text)
        os.utime(made / file, (1_000_000_000, 1_000_000_000))
        if not (folder / file).is_symlink():
            (folder / file).symlink_to(f"..data/{file}")
    (folder / "..data_tmp").symlink_to(name)
    (folder / "..data_tmp").rename(folder / "..data")


async def test_a_configmap_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files behind two links, of the same length and time as those before; the rules that count are the new ones."""
    monkeypatch.setattr(reloads, "_EVERY_S", 0.01)
    rules = (
        "currency: USD\nsegments:\n  - {{key: busy, name: Busy, version: {0}, enter: events_total >= {0}}}\n"
    )
    mount = tmp_path / "mount"
    mount.mkdir()
    swapped_in(mount, "..first", {"rules.yaml": rules.format(3)})
    settings = Settings(rules=str(mount / "rules.yaml"))
    worker, told = of(settings), Told()
    watch = asyncio.create_task(watched(worker, told, "loaded", 1))
    await asyncio.sleep(0.05)
    swapped_in(mount, "..second", {"rules.yaml": rules.format(4)})
    await watch
    (loaded,) = told.definitions
    assert [segment.version for segment in loaded.ruleset.segments] == [4]
