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


def assert_profile(installation: Installation, result: Result, customer: str) -> None:
    """`streamproc profile show --json` says what the reference says."""
    ran = installation.command("profile", "show", customer, "--json")
    assert ran.returncode == 0, ran.stderr
    profile = json.loads(ran.stdout)
    assert profile["customer_id"] == customer
    for name, (value, exact) in result.features[customer].items():
        assert profile["features"][name] == (value / 1e6 if name.startswith("money") else value), name
        assert (name not in profile["incomplete"]) == exact, name
    entered = {key: member.entry_seq for key, member in result.memberships[customer].items()}
    assert {segment["key"]: segment["entry_seq"] for segment in profile["segments"]} == entered
    assert profile["churn"]["band"] == result.bands[customer]
    risk = result.risks[customer]
    assert profile["churn"]["risk"] == (None if risk is None else pytest.approx(risk, abs=1e-6))
