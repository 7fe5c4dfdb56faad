"""An installation for a test of whole workers: see `worker.py`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.worker import Installation


@pytest.fixture
async def installation(
    kafka_server: str, redis_db: str, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[Installation]:
    """Topics with three partitions on the run's servers; its workers do not outlive the test."""
    made = Installation(kafka_server, redis_db, topic_prefix, tmp_path)
    await made.create_topics()
    yield made
    made.stop_all()
