"""Ends of logs, asked apart from the consumer."""

import pytest
from aiokafka.structs import TopicPartition

from streamproc.transport.brokers import Brokers
from streamproc.transport.ends import LogEnds
from streamproc.transport.owner import Unavailable
from tests.servers.process import free_port


async def test_without_a_broker_there_is_no_answer_and_no_connection_is_left() -> None:
    ends = LogEnds(Brokers(f"127.0.0.1:{free_port()}"))
    for _ in range(2):
        with pytest.raises(Unavailable, match="do not say where their logs end"):
            await ends.ask([TopicPartition("events.web", 0)])
    await ends.aclose()
