"""The consumer of a Faust app that is never started."""

from collections.abc import Mapping
from typing import cast

import pytest
from aiokafka.structs import TopicPartition

from streamproc.transport.batch import Consumer
from streamproc.transport.brokers import Brokers
from streamproc.transport.faust_app import batch_app
from streamproc.transport.owner import Progress
from streamproc.transport.settings import TransportSettings, faust_options


class Owner:
    """Owns nothing."""

    async def acquire(self, shards: set[int], generation: int) -> Mapping[TopicPartition, int | None]:
        return {}

    def on_unsought(self, shards: set[int]) -> None: ...

    def started(self, starts: Mapping[TopicPartition, int], session: int) -> None: ...

    async def release(self, shards: set[int]) -> None: ...

    def committed_offsets(self) -> Mapping[TopicPartition, Progress]:
        return {}

    def on_lost(self, tp: TopicPartition, count: int) -> None: ...


@pytest.fixture
async def batch_consumer(request: pytest.FixtureRequest) -> Consumer:
    """Reads the topic "web". Its parameters are timeouts that differ from the usual."""
    app = batch_app(
        "group",
        owner=Owner(),
        settings=TransportSettings(sources=("web",)),
        now_ms=lambda: 0,
        options=faust_options(Brokers("localhost:9092"), **getattr(request, "param", {})),
    )
    return cast(Consumer, app.consumer)
