"""A replay by real workers on real Kafka and Redis is exactly the reference's, whatever happens to them.

The long form of these tests is `make acceptance`.
"""

from dataclasses import dataclass

import pytest

from tests.integration.worker import Installation, Logs
from tests.reference.lives import DAY_MS
from tests.reference.model import Result
from tests.reference.stream import generate

pytestmark = pytest.mark.usefixtures("require_apache_kafka")

END_MS = 1_780_272_000_000
UNTIL_MS = END_MS + 20 * DAY_MS
EVENTS = 3_000


@dataclass
class Replayed:
    """A stream, what must come of it, and what one undisturbed worker made of it."""

    logs: Logs
    result: Result


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    logs = generate(7, customers=100, events=EVENTS, days=90, partitions=3, end_ms=END_MS)
    nowhere = Installation("", "", "", tmp_path_factory.mktemp("reference"))
    return Replayed(logs, nowhere.reference(logs, UNTIL_MS))


async def test_one_worker(installation: Installation, stream: Replayed) -> None:
    """Signals, failed events and every customer are the reference's, and nothing was sent twice."""
    await installation.publish(stream.logs)
    installation.run_until(UNTIL_MS)
    published = await installation.assert_same(stream.result)
    assert published.repeats == 0
    customer = max(stream.result.features, key=lambda one: stream.result.features[one]["events_total"][0])
    assert_profile(installation, stream.result, customer)
