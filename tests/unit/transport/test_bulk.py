"""What Kafka does not take is told in words: what it was, and how much had arrived."""

import asyncio
import gc
from typing import Any, cast

import pytest
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from streamproc.transport.bulk import BulkProducer, NotTaken
from streamproc.transport.connect import tell_failures
from streamproc.transport.outlet import Outgoing


class Client:
    """Takes what is for topic "good", and refuses the others."""

    def __init__(self, refusal: KafkaError, *, at_once: bool = False) -> None:
        self._refusal, self._at_once = refusal, at_once

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(131_072, 0)

    async def send_batch(self, builder: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if topic == "good":
            asyncio.get_running_loop().call_later(0.01, future.set_result, None)
        elif self._at_once:
            raise self._refusal
        else:
            future.set_exception(self._refusal)
        return future


def records(topic: str, count: int) -> list[Outgoing]:
    return [Outgoing(topic, b"u-%d" % number, b"{}") for number in range(count)]


async def refused(client: Client) -> NotTaken:
    producer = BulkProducer(cast(Any, client), {"good": 3, "bad": 3})

    async def send() -> None:
        await producer.send(records("bad", 40) + records("good", 50))
        await producer.flush()

    with pytest.raises(NotTaken) as refusal:
        await send()
    return refusal.value


@pytest.mark.parametrize(
    ("error", "says", "fix"),
    [
        (
            TopicAuthorizationFailedError(),
            "this user may not write to topic bad",
            "allow it WRITE on topic bad",
        ),
        (KafkaTimeoutError(), "the brokers do not answer", "start the brokers"),
        (RequestTimedOutError(), "the brokers do not answer", "start the brokers"),
        (
            MessageSizeTooLargeError(),
            "Kafka refuses records for topic bad: The server has",
            "settings of the topic",
        ),
    ],
)
async def test_what_is_refused_is_said_without_the_name_of_an_exception(
    error: KafkaError, says: str, fix: str
) -> None:
    """The other topic's records are counted, though they arrive later."""
    refusal = await refused(Client(error))
    assert refusal.message.startswith(says)
    assert refusal.message.endswith("; 50 of the first 90 records are in Kafka, the other 40 not for certain")
    assert "Error" not in refusal.message
    assert fix in refusal.fix


async def test_a_refusal_before_anything_left_is_the_same() -> None:
    refusal = await refused(Client(TopicAuthorizationFailedError(), at_once=True))
    assert "this user may not write to topic bad; 0 of the first 90" in refusal.message


async def test_batches_that_nobody_waits_for_any_more_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """No `Future exception was never retrieved`, of aiokafka's own futures neither; of other errors, there is."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(tell_failures)
    await refused(Client(TopicAuthorizationFailedError()))
    loop.create_future().set_exception(KafkaTimeoutError())
    gc.collect()
    assert caplog.text == ""
    loop.create_future().set_exception(ValueError("ours"))
    gc.collect()
    assert "never retrieved" in caplog.text
