"""The names of the topics."""

import pytest

from streamproc.errors import StreamprocError
from streamproc.transport.topics import Topics


def test_names_carry_the_prefix() -> None:
    """The prefix is put directly before every name."""
    topics = Topics("acme.")
    assert topics.sources == (
        "acme.events.web",
        "acme.events.app",
        "acme.events.support",
        "acme.actions.outcomes",
        "acme.streamproc.rekey",
    )
    assert topics.signals == ("acme.segments.changes", "acme.churn.risk", "acme.actions.reactivation")
    assert topics.failed == "acme.events.failed"
    assert topics.events == (*topics.channels, topics.outcomes)
    assert len(set(topics.all)) == 9


def test_everything_but_failed_events_is_keyed_by_customer() -> None:
    """These topics need the same partition count."""
    topics = Topics()
    assert set(topics.all) - set(topics.keyed_by_customer) == {topics.failed}


@pytest.mark.parametrize("prefix", ["a b", "a/b", "ü", "x" * 201, "a\n"])
def test_a_prefix_kafka_would_not_take_is_refused(prefix: str) -> None:
    """Before a broker sees it."""
    with pytest.raises(StreamprocError, match="prefix"):
        Topics(prefix)
