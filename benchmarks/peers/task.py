"""What a peer is told, and what it tells."""

import json
import os
import sys
import time
from collections.abc import Callable
from threading import Thread
from typing import NamedTuple


class Task(NamedTuple):
    """What a peer is to do; it finds it as JSON in the variable PEER_TASK."""

    #: Of its consumer group, and what its own topics and keys begin with.
    name: str
    bootstrap: str
    redis: str
    topics: list[str]
    partitions: int
    #: For what it keeps on disk; empty.
    folder: str


def given() -> Task:
    """The task of this process."""
    return Task(**json.loads(os.environ["PEER_TASK"]))


def report(done: Callable[[], int]) -> None:
    """Ten times a second, write to stdout how many events are done, from a thread of its own."""
    stdout = sys.__stdout__  # Faust puts its log in place of sys.stdout

    def tell() -> None:
        while True:
            print(done(), file=stdout, flush=True)
            time.sleep(0.1)

    Thread(target=tell, daemon=True).start()
