"""What the transport needs to be told, and the Faust settings it relies on, each with its reason."""

from dataclasses import dataclass
from typing import Any, Literal

import faust

from streamproc.errors import StreamprocError
from streamproc.transport.brokers import Brokers
from streamproc.transport.membership import check_heartbeat

CHUNK_RECORDS_MAX = 10_000

#: What to do about unread records that Kafka no longer holds: stop the worker, or go on behind them.
LostPolicy = Literal["fail", "skip"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TransportSettings:
    """What the transport needs to know beyond Faust's settings."""

    #: Topics of which a shard has one partition each; the agents must read all of them.
    sources: tuple[str, ...]
    #: Most records in a chunk, 1 to 10,000: larger saves CPU per event, smaller saves latency.
    chunk_records: int = 2_000
    lost_policy: LostPolicy = "fail"

    def __post_init__(self) -> None:
        if not 1 <= self.chunk_records <= CHUNK_RECORDS_MAX:
            raise StreamprocError(
                f"a chunk cannot hold {self.chunk_records} records",
                fix=f"choose a number from 1 to {CHUNK_RECORDS_MAX:,}",
            )


def faust_options(
    brokers: Brokers,
    *,
    session_timeout_s: float = 30.0,
    heartbeat_interval_s: float = 3.0,
    rebalance_timeout_s: float = 60.0,
    request_timeout_s: float = 60.0,
    commit_interval_s: float = 5.0,
    instance_id: str | None = None,
) -> dict[str, Any]:
    """Keyword arguments for `faust.App(group, **faust_options(brokers, ...))`.

    Tansu answers a join only after half the session timeout: give it a
    session of 6 s and heartbeats every second. `instance_id` makes the group member static, for a worker that
    is restarted under the same name within the session timeout. Raises StreamprocError if the timeouts cannot
    work together.
    """
    check_heartbeat(session_timeout_s, heartbeat_interval_s)
    return {
        "broker": [f"kafka://{address.strip()}" for address in brokers.bootstrap.split(",")],
        "broker_credentials": _credentials(brokers),
        "broker_session_timeout": session_timeout_s,
        "broker_heartbeat_interval": heartbeat_interval_s,
        "broker_rebalance_timeout": rebalance_timeout_s,
        # Faust insists that it is no less than the session. Requests themselves are not given up so late
        # (`ConsumerThread`), and seek sessions take at most half of it: after all of it Faust's recovery gives up on
        # them without a word.
        "broker_request_timeout": max(request_timeout_s, session_timeout_s),
        # For lag monitors; the owner tells more often while it sends signals.
        "broker_commit_interval": commit_interval_s,
        # Where the owner's offset is gone from the log, a jump must be a decision, never a default.
        "consumer_auto_offset_reset": "none",
        "consumer_group_instance_id": instance_id,
        # Counts chunks. The transport itself asks for one at a time; see `Consumer.getmany`.
        "stream_buffer_maxsize": 2,
        # Waits without limit for agents, so a rebalance could hang. The owner's release is bounded.
        "stream_wait_empty": False,
        # Delay of the seek after an assignment: nothing to wait for, there are no tables.
        "stream_recovery_delay": 0.0,
        # The leader topic would be a fifth subscription, created behind the operator's back.
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        # Everything that must be exact is in Redis; Kafka transactions do not reach there.
        "processing_guarantee": "at_least_once",
        # Logging is set up by the command line, and nothing prints.
        "worker_redirect_stdouts": False,
        # Faust's own web server would listen on all interfaces.
        "web_enabled": False,
    }


def _credentials(brokers: Brokers) -> faust.SASLCredentials | faust.SSLCredentials | None:
    if brokers.sasl is not None:
        return faust.SASLCredentials(
            username=brokers.sasl.user,
            password=brokers.sasl.password,
            ssl_context=brokers.tls,
            mechanism=brokers.sasl.mechanism,
        )
    return faust.SSLCredentials(brokers.tls) if brokers.tls is not None else None
