"""Only what is in the catalogue can be counted, and it can be scraped."""

import pytest
from prometheus_client import generate_latest

from streamproc.metrics import CATALOGUE, Metrics


def test_names_are_unique_and_counters_end_in_total() -> None:
    names = [definition.name for definition in CATALOGUE]
    assert len(names) == len(set(names))
    assert all(d.name.endswith("_total") for d in CATALOGUE if d.kind == "counter")
    assert all(d.name.endswith("_seconds") for d in CATALOGUE if d.kind == "histogram")


def test_counted_gauged_and_observed_values_are_scraped() -> None:
    metrics = Metrics()
    metrics.count("events_accepted_total", 3, "events.web")
    metrics.set("assigned_shards", 2)
    metrics.observe("commit_seconds", 0.02)
    text = generate_latest(metrics.registry).decode()
    assert 'streamproc_events_accepted_total{topic="events.web"} 3.0' in text
    assert "streamproc_assigned_shards 2.0" in text
    assert "streamproc_commit_seconds_count 1.0" in text


def test_gauges_of_a_shard_that_left_disappear() -> None:
    metrics = Metrics()
    metrics.set("shard_time_seconds", 5, "3")
    metrics.forget("shard_time_seconds", "3")
    assert 'partition="3"' not in generate_latest(metrics.registry).decode()


def test_unknown_names_are_refused() -> None:
    with pytest.raises(KeyError):
        Metrics().count("made_up_total")
