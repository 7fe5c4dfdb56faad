"""`streamproc` as the suite runs it: with a point at which it dies, or a deliberate bug, given by the environment.

SIGUSR1 makes it print where every task stands, for a worker that hangs.
"""

import asyncio
import faulthandler
import gc
import os
import signal
import sys
from types import FrameType

from streamproc.__main__ import main
from tests.faults.mutations import MUTATIONS
from tests.faults.steps import arm


def print_tasks(_: int, __: FrameType | None) -> None:
    """The stacks of all threads, and of all tasks of all event loops, on stderr."""
    faulthandler.dump_traceback(all_threads=True)
    for task in gc.get_objects():
        if isinstance(task, asyncio.Task) and not task.done():
            task.print_stack(file=sys.stderr)
    sys.stderr.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, print_tasks)
    if point := os.environ.get("FAULTS_STEP"):
        arm(point)
    if mutation := os.environ.get("FAULTS_MUTATION"):
        MUTATIONS[mutation]()
    sys.exit(main())
