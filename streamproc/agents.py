"""Faust agents: chunks of the source topics → their shards.

One agent instance per topic-partition keeps its chunks in order; a shard that has enough of a topic makes its agent
wait, and with it the fetching of that partition only.
"""

from collections.abc import Sequence

import faust
from faust.types import StreamT

from streamproc.shards import Shards
from streamproc.transport.chunks import Chunk


def create_agents(app: faust.App, topics: Sequence[str], shards: Shards) -> None:
    """Define one agent for each source topic."""
    for topic in topics:

        async def deliver(chunks: StreamT[Chunk]) -> None:
            async for chunk in chunks:
                await shards.deliver(chunk)

        app.agent(
            app.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"),
            name=f"streamproc.{topic}",
            isolated_partitions=True,
        )(deliver)
