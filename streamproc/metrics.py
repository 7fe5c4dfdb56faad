"""The metric catalogue: every metric this program exports, in one typed list.

A worker's metrics move once per commit or relay batch, never per event. docs/metrics.md is generated from `CATALOGUE`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Kind = Literal["counter", "gauge", "histogram"]
Metric = Counter | Gauge | Histogram

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Of what may wait for others: for Kafka, for a worker that is being started, for a night.
_LONG_SECONDS: Final = (*_SECONDS[3:], 30.0, 60.0, 300.0, 3_600.0, 43_200.0)


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric: its name without the prefix `streamproc_`, what it tells, and its labels.

    `buckets`: of a histogram, in seconds.
    """

    kind: Kind
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = _SECONDS


#: Labels of an arm, as signals have it. variant: empty where there are none; holdout: true of the control group.
ARM: Final = ("campaign", "variant", "holdout")

#: Of every process, beside those of prometheus-client.
_PROCESS: Final = (
    Definition(
        "gauge", "memory_limit_bytes", "What its cgroup (version 2) lets the process have; 0: no limit known"
    ),
)

#: What `streamproc worker` exports.
WORKER: Final = (
    Definition("counter", "events_accepted_total", "Valid events read", ("topic",)),
    Definition("counter", "events_repeated_total", "Events recognised as repeats by their messageId"),
    Definition("counter", "events_too_late_total", "Events older than the largest window; not applied"),
    Definition(
        "counter", "events_unknown_name_total", "Applied track events whose name has no declared meaning"
    ),
    Definition("counter", "events_failed_total", "Records sent to events.failed", ("topic", "reason")),
    Definition(
        "counter", "events_rekeyed_total", "Events found on the wrong partition and sent to streamproc.rekey"
    ),
    Definition("counter", "currency_mismatches_total", "Orders in another currency than the rules file's"),
    Definition(
        "counter", "time_zones_unknown_total", "Time zones of customers whose names are not known; not read"
    ),
    Definition("counter", "evaluations_total", "Evaluations of a customer"),
    Definition("counter", "timers_due_total", "Customers whose timer came due; a few find that it has moved"),
    Definition(
        "counter",
        "timers_missed_total",
        "Customers of a sweep whose timer should have fired before, and had not",
    ),
    Definition("counter", "signals_total", "Signals committed to the outbox", ("topic", "kind", "key")),
    Definition(
        "counter",
        "segment_moves_total",
        "Entries into segments and exits from them, by cause: event, time, definition (rules were edited)",
        ("segment", "kind", "cause"),
    ),
    Definition(
        "gauge", "segment_customers", "Customers in a segment, in the shards of this worker", ("segment",)
    ),
    Definition(
        "gauge",
        "band_customers",
        "Customers in a churn band, in the shards of this worker; none: no band yet",
        ("band",),
    ),
    Definition(
        "gauge",
        "uncounted_shards",
        "Shards of this worker that segment_customers and band_customers leave out",
    ),
    Definition(
        "counter",
        "campaigns_dry_total",
        "Decisions of campaigns that only try, which are not published",
        ("campaign", "kind"),
    ),
    Definition("counter", "campaign_entries_total", "Journeys of customers through a campaign begun", ARM),
    Definition(
        "counter",
        "campaign_requests_total",
        "Requests of a campaign; of the control group, journeys in which it would have asked",
        ARM,
    ),
    Definition(
        "counter", "campaign_suppressed_total", "What a campaign did not ask for", ("campaign", "reason")
    ),
    Definition(
        "counter",
        "campaign_ended_total",
        "Journeys that ended after a request: converted, not_converted, superseded, done",
        (*ARM, "outcome"),
    ),
    Definition(
        "gauge",
        "campaigns_held",
        "1: the breaker holds all requests of the shard",
        ("partition",),
    ),
    Definition("counter", "commits_total", "Commits of a shard", ("outcome",)),
    Definition("histogram", "commit_seconds", "Time of one commit to Redis"),
    Definition("histogram", "prepare_seconds", "Time from taking a batch to the start of its commit"),
    Definition(
        "histogram", "redis_seconds", "Time of one request to Redis, as a shard waits for it", ("operation",)
    ),
    Definition(
        "histogram",
        "event_to_commit_seconds",
        "Time from a record's timestamp in Kafka to the commit that has it; live clock only, sampled",
        buckets=_LONG_SECONDS,
    ),
    Definition(
        "histogram",
        "commit_to_ack_seconds",
        "Time from a commit to Kafka's acknowledgement of its last signal",
        buckets=_LONG_SECONDS,
    ),
    Definition("counter", "relayed_total", "Records that Kafka acknowledged", ("topic",)),
    Definition(
        "counter",
        "relay_waits_total",
        "Times signals had to wait, for kafka or redis (its replicas)",
        ("reason",),
    ),
    Definition("gauge", "outbox_records", "Records that wait for Kafka", ("partition",)),
    Definition("gauge", "shard_time_seconds", "The shard's time, seconds since 1970", ("partition",)),
    Definition(
        "gauge",
        "shard_lag_seconds",
        "How far the shard's time is behind the wall clock; live clock only",
        ("partition",),
    ),
    Definition(
        "gauge",
        "lag_records",
        "Records between what is committed and the end of the topic; absent while Kafka does not tell the end",
        ("topic", "partition"),
    ),
    Definition(
        "gauge", "lag_age_seconds", "How long ago Kafka told the oldest of the ends that lag is made of"
    ),
    Definition("gauge", "wall_time_seconds", "This machine's clock at the scrape, seconds since 1970"),
    Definition("gauge", "partitions", "Partitions of each source topic, and so the number of shards"),
    Definition("gauge", "assigned_shards", "Shards this worker owns"),
    Definition("gauge", "waiting_shards", "Shards of this worker that wait for Redis or Kafka"),
    Definition("counter", "rebalances_total", "Assignments by the group, one for each of its generations"),
    Definition(
        "counter", "superseded_total", "Commits or loads refused because the shard was not where we left it"
    ),
    Definition("counter", "rewinds_total", "Times Redis was found behind what was committed"),
    Definition(
        "counter",
        "rewound_commits_total",
        "Commits that Redis lost after Kafka was told of them: their signals may be ghosts",
    ),
    Definition(
        "counter", "offsets_lost_total", "Records skipped because Kafka no longer had them", ("topic",)
    ),
    Definition("counter", "kafka_commit_failures_total", "Advisory offset commits that Kafka refused"),
    Definition("counter", "store_unavailable_total", "Times Redis did not answer within the retries"),
    Definition("gauge", "rules_info", "The rules and the model in force", ("rules", "model")),
    Definition(
        "counter", "rules_reloads_total", "Attempts to reload rules, cut-offs and model", ("outcome",)
    ),
    Definition(
        "gauge",
        "rules_refused",
        "1: the files of rules, cut-offs and model are not those in force, but refused",
    ),
    Definition("counter", "swept_customers_total", "Customers re-evaluated because the rules changed"),
    *_PROCESS,
)

#: What `streamproc webhooks` exports, a process of its own.
WEBHOOKS: Final = (
    Definition(
        "counter",
        "webhook_attempts_total",
        "Attempts to deliver, by what came of them: 2xx, 1xx, 3xx, 4xx, 5xx, gone (410), timeout, connection, "
        "certificate, address (not a public one)",
        ("result",),
    ),
    Definition("counter", "webhook_delivered_total", "Webhooks that the receiver has taken"),
    Definition(
        "counter",
        "webhook_given_up_total",
        "Webhooks that are not sent any more: expired (the action), too_long (tried for too long), unreadable "
        "(no signal)",
        ("reason",),
    ),
    Definition("histogram", "webhook_attempt_seconds", "Time of one attempt"),
    Definition("gauge", "webhook_backlog_records", "Webhooks that wait to be delivered"),
    Definition("gauge", "webhook_unread_records", "Records that are not read yet"),
    Definition("gauge", "webhook_oldest_seconds", "Age of the webhook that has waited longest"),
    Definition("gauge", "webhook_full", "1: the backlog is full, and reading pauses"),
    Definition("gauge", "webhook_disabled", "1: the receiver has said 410 Gone, and nothing is sent"),
    Definition(
        "counter", "webhook_offsets_lost_total", "Records that Kafka no longer had when they were to be read"
    ),
    Definition("counter", "webhook_waits_total", "Times Redis did not answer within the retries"),
    *_PROCESS,
)

CATALOGUE: Final = tuple(dict.fromkeys((*WORKER, *WEBHOOKS)))


class Metrics:
    """A part of the catalogue, made countable. One instance per process (or per test)."""

    def __init__(
        self, registry: CollectorRegistry | None = None, catalogue: Sequence[Definition] = WORKER
    ) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._metrics = {definition.name: self._make(definition) for definition in catalogue}
        self._children: dict[tuple[str, tuple[str, ...]], Metric] = {}

    def count(self, name: str, amount: float = 1, *labels: str) -> None:
        """Add to a counter. Raises KeyError for a name that is not in the catalogue."""
        if amount:
            child = self._child(name, labels)
            assert isinstance(child, Counter)
            child.inc(amount)

    def begin(self, name: str, *labels: str) -> None:
        """Export a counter at 0: without that, Prometheus would not see its first rise."""
        self._child(name, labels)

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge. Raises KeyError for a name that is not in the catalogue."""
        child = self._child(name, labels)
        assert isinstance(child, Gauge)
        child.set(value)

    def follow(self, name: str, value: Callable[[], float]) -> None:
        """Ask for a gauge at every scrape. Raises KeyError for a name that is not in the catalogue."""
        child = self._child(name, ())
        assert isinstance(child, Gauge)
        child.set_function(value)

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Add to a histogram of seconds. Raises KeyError for a name that is not in the catalogue."""
        child = self._child(name, labels)
        assert isinstance(child, Histogram)
        child.observe(seconds)

    def forget(self, name: str, *labels: str) -> None:
        """Drop a label combination, such as the gauges of a shard that moved away."""
        if self._children.pop((name, labels), None) is not None:
            self._metrics[name].remove(*labels)

    def _child(self, name: str, labels: tuple[str, ...]) -> Metric:
        child = self._children.get((name, labels))
        if child is None:
            metric = self._metrics[name]
            child = metric.labels(*labels) if labels else metric
            self._children[name, labels] = child
        return child

    def _make(self, definition: Definition) -> Metric:
        name = f"streamproc_{definition.name}"
        match definition.kind:
            case "counter":
                return Counter(name, definition.help, definition.labels, registry=self.registry)
            case "gauge":
                return Gauge(name, definition.help, definition.labels, registry=self.registry)
            case "histogram":
                return Histogram(
                    name,
                    definition.help,
                    definition.labels,
                    registry=self.registry,
                    buckets=definition.buckets,
                )
