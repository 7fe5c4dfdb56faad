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


@pytest.mark.parametrize(
    "timeouts",
    [
        {"session_timeout_s": 3, "heartbeat_interval_s": 3},
        {"session_timeout_s": 90, "request_timeout_s": 60},
    ],
)
def test_timeouts_that_cannot_work_together_are_refused(timeouts: dict[str, float]) -> None:
    """Before Faust fails in the middle of a start."""
    with pytest.raises(StreamprocError, match="must rise"):
        faust_options(Brokers("one:9092"), **timeouts)  # type: ignore[arg-type]
