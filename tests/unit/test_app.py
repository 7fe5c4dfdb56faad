"""How a worker ends. (That it works as a whole: tests/integration.)"""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from streamproc.app import Worker
from streamproc.errors import StreamprocError
from streamproc.loading import load_definitions
from streamproc.settings import Settings


async def test_what_crashed_the_worker_is_told() -> None:
    """And not what failed in the shards after it, since the consumer's thread was gone."""
    crashed = asyncio.Event()
    crashed.set()
    crashing: Any = SimpleNamespace(
        crashed=True, _crashed=crashed, _crash_reason=StreamprocError("the cause")
    )
    shards: Any = SimpleNamespace(done=asyncio.Event(), failure=RuntimeError("Event loop is closed"))
    settings = Settings()
    worker = Worker(settings, load_definitions(settings))
    with pytest.raises(StreamprocError, match="the cause"):
        await worker._wait_for_end(crashing, shards)
    shards.failure = StreamprocError("the first cause")
    await worker._wait_for_end(crashing, shards)  # `run` raises it, once all is let go
