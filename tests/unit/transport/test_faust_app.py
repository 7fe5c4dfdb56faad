"""The Faust app: what it leaves out."""

from streamproc.transport.batch import Consumer


def test_faust_starts_no_producer_of_its_own(batch_consumer: Consumer) -> None:
    """Nothing is sent through it; where Kafka is away at a start, it would end the worker with a traceback."""
    assert list(batch_consumer.app.boot_strategy.kafka_producer()) == []
