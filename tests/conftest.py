"""The servers of a test run, started when the first test asks for one, and gone with the run."""

import signal
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.servers.kafka import choose_kafka
from tests.servers.redis import choose_redis

settings.register_profile(
    "streamproc",
    # How long an example takes says more about a busy machine than about the code.
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # Explaining a failure traces every line: minutes for a test of the engine on Python 3.11.
    phases=[phase for phase in Phase if phase is not Phase.explain],
)
settings.load_profile("streamproc")
# A shell starts background jobs with SIGINT ignored, and the programs that tests interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    """Say which servers the integration tests of this run use."""
    return [f"kafka: {choose_kafka().label}", f"redis: {choose_redis().label}"]


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap servers of the run's Kafka. Topics are not created by themselves."""
    with choose_kafka().serve(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def require_apache_kafka() -> None:
    """Fail, with the reason, the tests that a stand-in for Apache Kafka cannot serve."""
    kafka = choose_kafka()
    if kafka.kind == "stand-in":
        pytest.fail(f"this test needs Apache Kafka, and this run has {kafka.label}", pytrace=False)


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for topics and groups that no other test has, such as "t3f2a91c04.": put before the name."""
    return f"t{uuid4().hex[:9]}."


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the run's Redis."""
    with choose_redis().serve(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def _redis_may_be_emptied(redis_server: str) -> None:
    """Refuse to empty a given Redis that holds something."""
    import redis  # noqa: PLC0415 (0.9 s that a run of unit tests alone need not pay)

    choice = choose_redis()
    with redis.Redis.from_url(redis_server) as client:
        if choice.kind == "given" and client.dbsize() > 0:
            pytest.fail(f"the tests empty their Redis, but {choice.label} holds something", pytrace=False)


@pytest.fixture
def redis_db(redis_server: str, _redis_may_be_emptied: None) -> Iterator[str]:
    """The URL of the run's Redis, whose database is empty at the start of the test and after it."""
    import redis  # noqa: PLC0415 (0.9 s that a run of unit tests alone need not pay)

    with redis.Redis.from_url(redis_server) as client:
        client.flushdb()
        yield redis_server
        client.flushdb()
