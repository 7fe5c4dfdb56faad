"""Faust agents: chunks of the source topics → their shards.

One agent instance per topic-partition keeps its chunks in order; a shard that has enough of a topic makes its agent
wait, and with it the fetching of that partition only.
"""

from collections.abc import Sequence

import faust
from faust.types import StreamT

from streamproc.shards import Shards
from streamproc.transport.chunks import Chunk
from streamproc.transport.faust_app import chunk_topic


def create_agents(app: faust.App, topics: Sequence[str], shards: Shards) -> None:
    """Define the agent that reads the source topics."""

    async def deliver(chunks: StreamT[Chunk]) -> None:
        async for chunk in chunks:
            await shards.deliver(chunk)

    app.agent(chunk_topic(app, *topics), name="streamproc.shards", isolated_partitions=True)(deliver)
