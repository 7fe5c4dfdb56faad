"""Logs that stay readable when a server is away."""

import logging

from streamproc.cli.logs import _errors_below, _Sparse


def record(name: str, message: str, created_s: float) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, "", 0, message, (), None)
    made.created = created_s
    return made


def test_aiokafka_says_the_same_once_in_a_while() -> None:
    sparse = _Sparse()
    assert sparse.filter(record("aiokafka", "Unable connect to node with id %s: %s", 10.0))
    assert not sparse.filter(record("aiokafka", "Unable connect to node with id %s: %s", 11.0))
    assert sparse.filter(record("aiokafka", "Unable to update metadata from %s", 11.0))
    assert sparse.filter(record("aiokafka", "Unable connect to node with id %s: %s", 15.0))


def test_our_own_words_are_never_left_out() -> None:
    sparse = _Sparse()
    assert all(sparse.filter(record("streamproc.shards", "shard starts over", 10.0)) for _ in range(3))


def test_mistakes_of_a_rules_file_stand_below_the_line_that_tells_of_them() -> None:
    """As they are printed elsewhere, and not as one long line."""
    event = _errors_below(
        None, "error", {"event": "refused", "error": "two problems\nrules.yaml:7:12: \x1b[2J"}
    )
    assert event == {"event": "refused", "stack": "two problems\nrules.yaml:7:12: \ufffd[2J"}
    assert _errors_below(None, "error", {"error": "one line"}) == {"error": "one line"}
