"""How far a worker is, read from its metrics."""

from prometheus_client import generate_latest

from streamproc.metrics import Metrics
from streamproc.simulate.probe import Reading, read_metrics


def test_readings_come_from_the_metrics_that_a_worker_has() -> None:
    """Events of all topics together; the time of the shards that have begun."""
    metrics = Metrics()
    metrics.count("events_accepted_total", 3, "events.web")
    metrics.count("events_accepted_total", 4, "events.support")
    metrics.set("shard_time_seconds", 0, "0")
    metrics.set("shard_time_seconds", 1_704_368_738.5, "1")
    assert read_metrics(generate_latest(metrics.registry).decode()) == Reading(7, {"1": 1_704_368_738_500})


def test_a_worker_that_has_just_started() -> None:
    """Nothing yet."""
    assert read_metrics(generate_latest(Metrics().registry).decode()) == Reading(0, {})
