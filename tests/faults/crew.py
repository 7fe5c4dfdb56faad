"""The workers of a scene. Those that end by themselves are started again, as an orchestrator does."""

import asyncio
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.faults.servers import folder
from tests.integration.worker import Installation, WorkerProcess

SESSION_TIMEOUT_MS: Final = 4_000
#: How a worker ends that will not go on before somebody does something.
REFUSED: Final = 2


@dataclass(kw_only=True)
class Crew:
    """The worker processes of an installation, each with a directory of its own.

    `refusals`: the last words of workers that would not go on; `wrong`: of those that ended as none may.
    """

    installation: Installation
    directory: Path
    replicas: str
    workers: list[WorkerProcess] = field(default_factory=list)
    started: int = 0
    restarts: int = 0
    accepting_loss: bool = False
    refusals: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._clock.write_text("0")

    def start_worker(self, extra: Mapping[str, str] | None = None) -> WorkerProcess:
        """One more worker, in the place of one that is gone."""
        clock = {"FAULTS_CLOCK": str(self._clock)}
        loss = {"STREAMPROC_LOST_RECORDS": "skip"} if self.accepting_loss else {}
        made = replace(
            self.installation,
            directory=self._folder(self.started),
            extra={**self.installation.extra, **clock, **loss, **(extra or {})},
            workers=[],
        )
        worker = made.worker(
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_ms=500,
            log_format="json",
            redis_replicas=self.replicas,
        )
        self.started += 1
        self.workers.append(worker)
        return worker

    def supervise(self) -> None:
        """Start workers again that are gone."""
        for worker in [worker for worker in self.workers if worker.process.poll() is not None]:
            self.workers.remove(worker)
            self._look_at_end(worker)
            self.restarts += 1
            self.start_worker()

    def kill_all(self) -> None:
        """Kill all workers; none is started in their place yet."""
        for worker in self.workers:
            worker.kill()
            self._look_at_end(worker)
        self.workers.clear()

    def _look_at_end(self, worker: WorkerProcess) -> None:
        """A worker may be killed, end, or refuse to go on and say what to do: nothing else."""
        code = worker.process.returncode
        if code == REFUSED:
            self.refusals.append(worker.text[-600:])
        elif code not in (0, -signal.SIGKILL):
            self.wrong.append(f"a worker ended with {code}: {worker.text[-600:]}")

    async def all_refuse(self, why: str, within_s: float) -> bool:
        """Whether all workers that run now, and one started then, refuse to go on, saying `why`."""
        doomed = list(self.workers)
        deadline_s = time.monotonic() + within_s
        while any(worker.process.poll() is None for worker in doomed):
            if time.monotonic() > deadline_s:
                return False
            await asyncio.sleep(0.1)
        await self.check_refusal(why)
        return all(why in worker.text for worker in doomed if worker.process.returncode == REFUSED)

    async def check_refusal(self, why: str, within_s: float = 40) -> None:
        """Start a worker that must refuse to work, saying `why`."""
        worker = self.start_worker()
        code = await asyncio.to_thread(_wait, worker, within_s)
        self.workers.remove(worker)
        if code != REFUSED or why not in worker.text:
            self.wrong.append(f"should refuse ({why}), ended with {code}: {worker.text[-600:]}")
            worker.kill()

    async def ready_s(self, within_s: float) -> float | None:
        """How long it takes from now until all workers are ready; None: longer than `within_s`."""
        begin_s = time.monotonic()
        while any(worker.get("/readyz")[0] != 200 for worker in self.workers):
            if time.monotonic() - begin_s > within_s:
                return None
            await asyncio.sleep(0.1)
        return time.monotonic() - begin_s

    def told_lost(self, since: int) -> int:
        """How many records the workers from number `since` on say that they had to leave out."""
        logs = [(self._folder(number) / "worker-0.log").read_text() for number in range(since, self.started)]
        return sum(int(count) for log in logs for count in re.findall(r"skipped up to (\d+) lost", log))

    def said(self, words: str) -> bool:
        """Whether any worker has logged these words."""
        logs = (self._folder(number) / "worker-0.log" for number in range(self.started))
        return any(words in log.read_text() for log in logs)

    @property
    def clock_ahead_ms(self) -> int:
        """By how much the wall clock of all workers is wrong."""
        return int(self._clock.read_text())

    @clock_ahead_ms.setter
    def clock_ahead_ms(self, ahead_ms: int) -> None:
        self._clock.write_text(str(ahead_ms))

    @property
    def _clock(self) -> Path:
        return self.directory / "clock"

    def close(self) -> None:
        """End all workers, stopped ones too."""
        for worker in self.workers:
            worker.process.send_signal(signal.SIGCONT)
            worker.kill()

    def _folder(self, number: int) -> Path:
        return folder(self.directory, f"worker-{number:03}")


def _wait(worker: WorkerProcess, within_s: float) -> int | None:
    """How the worker ends; None: not in time."""
    try:
        return worker.process.wait(within_s)
    except subprocess.TimeoutExpired:
        return None
