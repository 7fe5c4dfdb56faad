"""Faust's own tests of its aiokafka driver, with our transport in its place.

The source distribution of faust-streaming carries them (`tests/unit/transport/drivers/test_aiokafka.py`); `make
driver-tests` fetches it and runs them as they are. Each runs twice: on Faust's transport, which shows that it means
something in this environment, and on ours. This is the pytest plugin of that run, and the account of what our design
does differently: CHANGED lists the tests that must fail with ours, BYPASSED those whose passing says little.

Faust asks for pytest below 8 and gets the locked one, so the plugin also stands in for what they lack together.
pytest-asyncio is not loaded: Faust's fixtures make their own event loop and expect the tests to run in it.
"""

import asyncio
import inspect
from collections.abc import Generator, Iterator
from fnmatch import fnmatch
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, cast
from unittest.mock import Mock

import pytest
from _pytest.assertion import util

from streamproc.transport.batch import Consumer, Transport
from streamproc.transport.owner import Owner
from streamproc.transport.settings import TransportSettings
from streamproc.transport.thread import ConsumerThread

ROOT = Path(__file__).parents[2]


class Difference(NamedTuple):
    """Tests of Faust that do not apply to our transport."""

    #: "TestClass::test_name", perhaps with the wildcards of fnmatch.
    tests: str
    reason: str
    #: Our test of the same intent, where there is something to test: "file::test_name", under tests/.
    own: str | None


_THREAD = "Test_AIOKafkaConsumerThread"

#: These must fail with ours: what they ask for is not what ours is for.
CHANGED = (
    Difference(
        "TestConsumer::test__to_message*",
        "a message is a chunk: key, headers and time are its records' own",
        "unit/transport/test_batch.py::test_a_message_carries_a_whole_chunk",
    ),
    Difference(
        f"{_THREAD}::test__commit",
        "an offset is committed with the owner's note, so a bare number is not enough",
        "unit/transport/test_thread.py::test_offsets_are_committed_with_their_notes",
    ),
    Difference(
        f"{_THREAD}::test__commit__CommitFailedError",
        "Kafka's offsets are for monitors; refusing them does not crash the worker",
        "unit/transport/test_thread.py::test_a_refused_commit_stops_nothing",
    ),
    Difference(
        f"{_THREAD}::test__commit__IllegalStateError",
        "Kafka's offsets are for monitors; refusing them does not crash the worker",
        "unit/transport/test_thread.py::test_a_refused_commit_stops_nothing",
    ),
)

#: These pass with ours, but by code of Faust that streamproc inherits and never runs.
BYPASSED = (
    *(
        Difference(
            f"{tests}::*",
            "Faust's watchdog takes silence for a hang; a partition's tail tells them apart",
            "integration/test_transport.py::test_the_end_of_a_topic_is_known_and_stays_known",
        )
        for tests in ("Test_VEP_*", "Test_verify_event_path_base", "Test_Log_Slow_Processing")
    ),
    Difference(
        f"{_THREAD}::test__create_worker_consumer*",
        "Faust's arguments are passed on, then ours sets isolation level, wait and assignor on what they made",
        "unit/transport/test_thread.py::test_a_worker_reads_committed_records_at_once_and_whole_shards",
    ),
    Difference(
        f"{_THREAD}::test_*seek*",
        "positions are set by seek sessions, in the consumer's thread, to the offsets of the owner",
        "unit/transport/test_seek.py::test_a_session_asks_the_owner_seeks_and_reports",
    ),
    Difference(
        f"{_THREAD}::test_position",
        "the reader takes position and records in one step",
        "unit/transport/test_reader.py::test_chunks_of_a_partition_follow_each_other",
    ),
    *(
        Difference(
            f"{_THREAD}::{tests}",
            "the reader takes chunks out of aiokafka's fetcher",
            "unit/transport/test_reader.py::test_each_call_gives_every_wanted_partition_its_turn",
        )
        for tests in ("test_getmany", "test__fetch_records*")
    ),
    Difference(
        f"{_THREAD}::test_commit",
        "the consumer commits by `tell`, with the owner's notes",
        "unit/transport/test_thread.py::test_offsets_are_committed_with_their_notes",
    ),
    *(
        Difference(
            f"{_THREAD}::{tests}",
            "where a log ends is what its last fetch showed",
            "unit/transport/test_reader.py::test_a_poll_notes_when_it_was_asked_for",
        )
        for tests in ("test_*highwater*", "test_earliest_offsets")
    ),
    *(
        Difference(
            tests,
            "topics are created by a command, never by a worker",
            "integration/test_transport.py::test_topics_are_created_once_and_described",
        )
        for tests in ("Test*::test_*create_topic*", "TestTransport::test__topic_config*")
    ),
    *(
        Difference(
            f"{tests}::*",
            "signals are sent by the relay, by a producer of its own; no transactions",
            "unit/test_relay.py::test_sends_in_order_and_trims",
        )
        for tests in ("TestProducer", "TestThreadedProducer")
    ),
    *(
        Difference(f"{_THREAD}::{tests}", "no tracer is ever set", None)
        for tests in ("test_*span*", "test_trace_category")
    ),
    *(
        Difference(
            f"{_THREAD}::{tests}", "nothing asks Faust for a client without agents, or for partitions", None
        )
        for tests in ("test__create_client_consumer", "test__create_consumer__client", "test_key_partition*")
    ),
)

# Faust's conftest shows what a test left behind by these two, which pytest no longer has.
for _gone in ("_compare_eq_dict", "_compare_eq_set"):
    if not hasattr(util, _gone):
        setattr(util, _gone, lambda left, right, **_: [f"{left!r} is not {right!r}"])

#: What our classes need to be told, beside what Faust's tests tell.
our_transport = partial(
    Transport,
    owner=Mock(spec=Owner, committed_offsets=dict),
    settings=TransportSettings(sources=("topic", "topix")),
    now_ms=lambda: 0,
)
our_thread = partial(ConsumerThread, chunk_records=1_000, now_ms=lambda: 0, on_name_taken=Mock())


@pytest.fixture(autouse=True, params=["faust", "ours"])
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, current_loop: None) -> str:
    """Whose transport the test builds."""
    if request.param == "ours":
        if "app" in request.fixturenames:
            app = request.getfixturevalue("app")
            app.transport = our_transport(app.conf.broker_consumer, app)
        monkeypatch.setattr(request.module, "Transport", our_transport)
        monkeypatch.setattr(request.module, "Consumer", Consumer)
        monkeypatch.setattr(request.module, "AIOKafkaConsumerThread", our_thread)
    return cast(str, request.param)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any) -> Generator[None, Any, Any]:
    """Teach Faust's doubles the answers of the real things to questions that only ours asks."""
    double = yield
    if fixturedef.argname == "_consumer":
        double.subscription.return_value = frozenset()
    elif fixturedef.argname == "thread":
        double.assignment.return_value = set()
    return double


# -- what must fail

_BYPASSED_IDS = pytest.StashKey[set[str]]()


def _name(item: pytest.Item) -> str:
    function = cast(pytest.Function, item)
    return f"{function.cls.__name__ if function.cls else ''}::{function.originalname}"


def _is_ours(item: pytest.Item) -> bool:
    return cast(pytest.Function, item).callspec.params["driver"] == "ours"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Expect failures where our design differs. An entry that fits no test, or names none of ours, is an error."""
    ours = [item for item in items if _is_ours(item)]
    bypassed: set[str] = set()
    for difference in (*CHANGED, *BYPASSED):
        matching = [item for item in ours if fnmatch(_name(item), difference.tests)]
        if not matching:
            raise pytest.UsageError(f"Faust has no tests {difference.tests} (any more)")
        if difference.own is not None:
            file, _, own = difference.own.partition("::")
            if f"def {own}(" not in (ROOT / "tests" / file).read_text(encoding="utf-8"):
                raise pytest.UsageError(f"tests/{difference.own} does not exist (any more)")
        if difference in BYPASSED:
            bypassed |= {item.nodeid for item in matching}
            continue
        for item in matching:
            reason = f"{difference.reason}; ours: tests/{difference.own}"
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    config.stash[_BYPASSED_IDS] = bypassed


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what came of it, in numbers."""

    def ids(outcome: str, driver: str) -> set[str]:
        reports = terminalreporter.stats.get(outcome, [])
        return {report.nodeid for report in reports if f"[{driver}" in report.nodeid}

    passed = ids("passed", "ours")
    changed = ids("xfailed", "ours")
    skipped = ids("skipped", "ours")
    bypassed = config.stash.get(_BYPASSED_IDS, set()) & passed
    write = terminalreporter.write_line
    write(
        f"driver tests of faust-streaming {version('faust-streaming')}: {len(passed | changed | skipped)}, "
        f"of which Faust skips {len(skipped)}"
    )
    write(f"with Faust's transport: {len(ids('passed', 'faust'))} pass")
    write(f"with ours: {len(passed)} pass, {len(changed)} are changed by design")
    write(f"of those that pass with ours, {len(bypassed)} run code of Faust that streamproc never runs")


# -- what pytest-asyncio did for Faust, and the locked one does no more


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "asyncio: runs in the event loop of Faust's fixtures")


@pytest.fixture
def current_loop(event_loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Make the loop of Faust's fixtures the current one."""
    asyncio.set_event_loop(event_loop)
    yield
    asyncio.set_event_loop(None)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run coroutines in the loop of Faust's fixtures."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    loop = cast(asyncio.AbstractEventLoop, pyfuncitem.funcargs["event_loop"])
    loop.run_until_complete(pyfuncitem.obj(**arguments))
    return True
