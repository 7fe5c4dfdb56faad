"""`streamproc` as the suite runs it: with a point at which it dies, a deliberate bug, or a clock that is wrong.

SIGUSR1 makes it print where every task stands, for a worker that hangs.
"""

import asyncio
import faulthandler
import gc
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from tests.faults import clock


def print_tasks(_: int, __: FrameType | None) -> None:
    """The stacks of all threads, and of all tasks of all event loops, on stderr."""
    faulthandler.dump_traceback(all_threads=True)
    for task in gc.get_objects():
        if isinstance(task, asyncio.Task) and not task.done():
            task.print_stack(file=sys.stderr)
    sys.stderr.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, print_tasks)
    if clock_file := os.environ.get("FAULTS_CLOCK"):
        clock.install(Path(clock_file))
    # Only now: these import the program, which takes its functions as they are.
    from streamproc.__main__ import main
    from tests.faults.mutations import MUTATIONS
    from tests.faults.steps import arm

    if point := os.environ.get("FAULTS_STEP"):
        arm(point)
    if mutation := os.environ.get("FAULTS_MUTATION"):
        MUTATIONS[mutation]()
    sys.exit(main())
