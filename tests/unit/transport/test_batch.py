"""How chunks travel through Faust."""

from typing import cast

from aiokafka.structs import TopicPartition
from faust.types import TP

from streamproc.transport.batch import Consumer
from streamproc.transport.chunks import Chunk


def test_a_message_carries_a_whole_chunk(batch_consumer: Consumer) -> None:
    """As its value, with the place it reaches up to and the generation it was sought in; keys, headers and times
    are the records' own."""
    chunk = Chunk("web", 3, records=(), start_offset=5, next_offset=9, generation=7, session=2)
    message = batch_consumer._to_message(TP("web", 3), chunk)
    assert cast(object, message.value) is chunk
    assert (message.topic, message.partition, message.offset) == ("web", 3, 8)
    assert message.tp == TopicPartition("web", 3)
    assert message.generation_id == 7
    assert message.key is None
    assert not message.headers
