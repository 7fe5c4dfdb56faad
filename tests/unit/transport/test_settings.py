"""Settings that cannot work are refused with a way out."""

import faust
import pytest

from streamproc.errors import StreamprocError
from streamproc.transport.brokers import Brokers
from streamproc.transport.settings import TransportSettings, faust_options


@pytest.mark.parametrize("chunk_records", [0, -1, 10_001])
def test_a_chunk_size_out_of_range_is_refused(chunk_records: int) -> None:
    """Chunks hold 1 to 10,000 records."""
    with pytest.raises(StreamprocError, match="cannot hold") as refusal:
        TransportSettings(sources=("web",), chunk_records=chunk_records)
    assert "10,000" in refusal.value.fix


def test_faust_accepts_the_options() -> None:
    """Every option is one of Faust's, and arrives as it was given."""
    options = faust_options(Brokers("one:9092, two:9093"), session_timeout_s=6, heartbeat_interval_s=1)
    conf = faust.App("group", **options).conf
    assert [str(url) for url in conf.broker] == ["kafka://one:9092", "kafka://two:9093"]
    assert conf.broker_session_timeout == 6
    assert conf.consumer_auto_offset_reset == "none"
    assert not conf.stream_wait_empty
    assert not conf.web_enabled


@pytest.mark.parametrize("session_timeout_s", [61, 1_800])
def test_a_session_may_be_as_long_as_brokers_allow(session_timeout_s: int) -> None:
    """By default half an hour; Faust refuses a request timeout below it."""
    conf = faust.App("group", **faust_options(Brokers("one:9092"), session_timeout_s=session_timeout_s)).conf
    assert conf.broker_request_timeout >= conf.broker_session_timeout == session_timeout_s


@pytest.mark.parametrize(("session_timeout_s", "heartbeat_interval_s"), [(3, 3), (10, 9), (6, 2.001)])
def test_a_heartbeat_is_a_third_of_the_session_at_most(
    session_timeout_s: float, heartbeat_interval_s: float
) -> None:
    """Before Faust fails in the middle of a start; with the settings that are to be changed."""
    with pytest.raises(StreamprocError, match=r"STREAMPROC_HEARTBEAT_MS=.*more than a third") as refusal:
        faust_options(
            Brokers("one:9092"),
            session_timeout_s=session_timeout_s,
            heartbeat_interval_s=heartbeat_interval_s,
        )
    assert "STREAMPROC_SESSION_TIMEOUT_MS" in refusal.value.fix


def test_a_heartbeat_of_just_a_third_is_taken() -> None:
    options = faust_options(Brokers("one:9092"), session_timeout_s=6, heartbeat_interval_s=2)
    assert options["broker_heartbeat_interval"] == 2
