"""The dashboard "streamproc: operations": is everything read, applied and sent, and how quickly?"""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units

from deploy.grafana.panels import (
    COUNT,
    PER_SECOND,
    SECONDS,
    SHARE,
    Limits,
    Query,
    Row,
    build,
    docs,
    figures,
    graph,
    labels,
    latencies,
    number,
    source,
)

#: All workers of the chosen installations, and those of the chosen instances.
ALL: Final = 'job=~"$job"'
ONE: Final = 'job=~"$job", instance=~"$instance"'


def dashboard() -> model.Dashboard:
    """See the module's docstring."""
    return build(
        "streamproc-operations",
        "streamproc: operations",
        "Is everything read, applied and sent, and how quickly? What each alert means: docs/runbook.md.",
        [
            source(),
            labels("job", "installation", "streamproc_assigned_shards"),
            labels("instance", "worker", "streamproc_assigned_shards", job="job"),
            docs(),
        ],
        [
            _glance(),
            _lag(),
            _latency(),
            _redis(),
            _signals(),
            _timers(),
            _rebalances(),
            _failures(),
            _processes(),
            _webhooks(),
        ],
        since="now-6h",
    )


def _rate(metric: str, by: str = "", chosen: str = ONE) -> str:
    return f"sum by ({by}) (rate(streamproc_{metric}{{{chosen}}}[$__rate_interval]))"


def _quantile(share: float, metric: str, by: str = "") -> str:
    grouped = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', grouped)})"


def _quantiles(metric: str) -> list[Query]:
    return [Query(_quantile(share, metric), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)]


def _glance() -> Row:
    return Row(
        "At a glance",
        [
            number(
                "Shards without a worker",
                "Partitions that no worker holds. More than 0 for minutes: events of their customers wait.",
                COUNT,
                Query(
                    f"max(streamproc_partitions{{{ALL}}}) - sum(streamproc_assigned_shards{{{ALL}}})",
                    "shards",
                ),
                limits=Limits(bad=1),
                alert="StreamprocShardsUnowned",
            ),
            number(
                "Shards that wait",
                "Assigned to a worker, but Redis or Kafka does not answer for them.",
                COUNT,
                Query(f"sum(streamproc_waiting_shards{{{ALL}}})", "shards"),
                limits=Limits(bad=1),
                alert="StreamprocShardsWait",
            ),
            number(
                "Records behind",
                "Over all topics. It keeps growing where a shard stands still.",
                COUNT,
                Query(f"sum(job_topic:streamproc_lag_records:sum{{{ALL}}})", "records"),
                limits=Limits(warning=20_000, bad=100_000),
                alert="StreamprocLagging",
            ),
            number(
                "Time behind the clock",
                "Of the shard that is furthest behind. Up to ten seconds is an idle shard.",
                SECONDS,
                Query(f"max(job:streamproc_shard_lag_seconds:max{{{ALL}}})", "behind"),
                limits=Limits(warning=30, bad=60),
                alert="StreamprocShardStalled",
            ),
            number(
                "Event to commit, p95",
                "From a record's timestamp in Kafka to the commit that has it.",
                SECONDS,
                Query(f"max(job:streamproc_event_to_commit_seconds:p95_rate5m{{{ALL}}})", "p95"),
                limits=Limits(warning=2, bad=10),
                alert="StreamprocEventsSlow",
            ),
            number(
                "Events that fail",
                "Their share of all records, over five minutes.",
                SHARE,
                Query(
                    f"sum(job_topic:streamproc_events_failed:rate5m{{{ALL}}}) / "
                    f"(sum(job_topic:streamproc_events_failed:rate5m{{{ALL}}}) + "
                    f"sum(job_topic:streamproc_events_accepted:rate5m{{{ALL}}}))",
                    "failed",
                ),
                limits=Limits(warning=0.01, bad=0.05),
                alert="StreamprocEventsFail",
            ),
        ],
    )


def _lag() -> Row:
    return Row(
        "Throughput and lag",
        [
            graph(
                "Events",
                "Valid events that were applied, by topic.",
                PER_SECOND,
                Query(_rate("events_accepted_total", "topic"), "{{topic}}"),
                stacked=True,
                alert="StreamprocNoEvents",
            ),
            graph(
                "Lag by topic",
                "Records between what is committed and the end of the topic.",
                COUNT,
                Query(f"sum by (topic) (job_topic:streamproc_lag_records:sum{{{ALL}}})", "{{topic}}"),
                limits=Limits(warning=20_000, bad=100_000),
                alert="StreamprocLagging",
            ),
            graph(
                "Lag by partition, the ten longest",
                "One line far above the others: a partition that stands still, or a key that has most of the events.",
                COUNT,
                Query(
                    f"topk(10, max by (topic, partition) (streamproc_lag_records{{{ALL}}}))",
                    "{{topic}} {{partition}}",
                ),
                alert="StreamprocLagging",
            ),
            graph(
                "Time behind the clock, the ten furthest",
                "Timers fire by the time of the shard: where it stands still, silence is not noticed.",
                SECONDS,
                Query(
                    f"topk(10, min by (partition) (streamproc_shard_lag_seconds{{{ALL}}}))",
                    "shard {{partition}}",
                ),
                limits=Limits(warning=30, bad=60),
                alert="StreamprocShardStalled",
            ),
            graph(
                "Age of the lag's figures",
                "How long ago Kafka told the oldest of the ends that lag is made of. After 30 s that lag is not shown.",
                SECONDS,
                Query(f"streamproc_lag_age_seconds{{{ONE}}}", "{{instance}}"),
                limits=Limits(warning=30, bad=60),
                alert="StreamprocLagUnknown",
            ),
            graph(
                "Shards held",
                "By worker; they should be even, and their sum the number of partitions.",
                COUNT,
                Query(f"streamproc_assigned_shards{{{ONE}}}", "{{instance}}"),
                stacked=True,
                alert="StreamprocNoShards",
            ),
        ],
    )


def _latency() -> Row:
    return Row(
        "Latency",
        [
            latencies(
                "Event to commit",
                "From a record's timestamp in Kafka (the producer's, or the broker's) to the commit that has it.",
                _rate("event_to_commit_seconds_bucket", "le"),
                alert="StreamprocEventsSlow",
            ),
            latencies(
                "Commit to Kafka's acknowledgement",
                "From a commit to the moment at which Kafka has all its signals.",
                _rate("commit_to_ack_seconds_bucket", "le"),
                alert="StreamprocSignalsWait",
            ),
            graph(
                "Event to commit, quantiles",
                "As above, in lines.",
                SECONDS,
                *_quantiles("event_to_commit_seconds"),
                span=12,
                limits=Limits(warning=2, bad=10),
                alert="StreamprocEventsSlow",
            ),
            graph(
                "Commit to acknowledgement, quantiles",
                "As above, in lines.",
                SECONDS,
                *_quantiles("commit_to_ack_seconds"),
                span=12,
                alert="StreamprocSignalsWait",
            ),
        ],
    )


def _redis() -> Row:
    return Row(
        "Redis and the work of a batch",
        [
            graph(
                "Commit",
                "Time of one commit to Redis.",
                SECONDS,
                *_quantiles("commit_seconds"),
                limits=Limits(warning=0.25, bad=0.5),
                alert="StreamprocCommitsSlow",
            ),
            graph(
                "Redis by operation, p95",
                "Time of one request, as a shard waits for it.",
                SECONDS,
                Query(_quantile(0.95, "redis_seconds", "operation"), "{{operation}}"),
                alert="StreamprocCommitsSlow",
            ),
            graph(
                "Preparing a batch",
                "From taking a batch to the start of its commit: loading, counting, rules.",
                SECONDS,
                *_quantiles("prepare_seconds"),
            ),
            graph(
                "Commits",
                "Of all shards. An idle shard commits every ten seconds.",
                PER_SECOND,
                Query(_rate("commits_total"), "commits"),
            ),
            graph(
                "Evaluations",
                "Evaluations of a customer: after events, when a timer is due, under edited rules.",
                PER_SECOND,
                Query(_rate("evaluations_total"), "evaluations"),
                Query(_rate("swept_customers_total"), "of these: rules were edited"),
            ),
            graph(
                "Redis did not answer",
                "Times within the last ten minutes.",
                COUNT,
                Query(
                    f"sum by (instance) (increase(streamproc_store_unavailable_total{{{ONE}}}[10m]))",
                    "{{instance}}",
                ),
                alert="StreamprocRedisUnavailable",
            ),
        ],
    )


def _signals() -> Row:
    return Row(
        "Signals",
        [
            graph(
                "Outbox, the ten longest",
                "Signals that are committed and wait for Kafka. At 50,000 a shard takes nothing in.",
                COUNT,
                Query(
                    f"topk(10, max by (partition) (streamproc_outbox_records{{{ALL}}}))",
                    "shard {{partition}}",
                ),
                limits=Limits(warning=5_000, bad=10_000),
                alert="StreamprocSignalsWait",
            ),
            graph(
                "Acknowledged by Kafka",
                "By topic.",
                PER_SECOND,
                Query(_rate("relayed_total", "topic"), "{{topic}}"),
                stacked=True,
            ),
            graph(
                "Waits of the relay",
                "Within ten minutes, for Kafka, or for the replicas of Redis.",
                COUNT,
                Query(
                    f"sum by (reason) (increase(streamproc_relay_waits_total{{{ONE}}}[10m]))", "{{reason}}"
                ),
                limits=Limits(warning=3, bad=5),
                alert="StreamprocSignalsWait",
            ),
        ],
    )


def _timers() -> Row:
    return Row(
        "Timers and rules",
        [
            graph(
                "Timers due",
                "Customers whose timer came due. Midnight (UTC) is a peak: a day leaves the windows of everybody.",
                PER_SECOND,
                Query(_rate("timers_due_total"), "due"),
                alert="StreamprocShardStalled",
            ),
            graph(
                "Timers missed",
                "Found by a sweep, within an hour; more than 0 is a defect, or lists were deleted from Redis.",
                COUNT,
                Query(
                    f"sum by (instance) (increase(streamproc_timers_missed_total{{{ONE}}}[1h]))",
                    "{{instance}}",
                ),
                limits=Limits(bad=1),
                alert="StreamprocTimersMissed",
            ),
            figures(
                "Rules and model in force",
                "Two lines for more than seconds: a worker has not read the edited file, or has refused it.",
                COUNT,
                Query(f"count by (rules, model) (streamproc_rules_info{{{ALL}}})", "workers"),
                span=8,
                alert="StreamprocRulesRefused",
            ),
        ],
    )


def _rebalances() -> Row:
    return Row(
        "Rebalances and shards that start over",
        [
            graph(
                "Assignments",
                "Within ten minutes. Each worker that comes or goes makes one or two.",
                COUNT,
                Query(
                    f"sum by (instance) (increase(streamproc_rebalances_total{{{ONE}}}[10m]))", "{{instance}}"
                ),
                limits=Limits(warning=5, bad=10),
                alert="StreamprocRebalancing",
            ),
            graph(
                "Refused commits, rewinds",
                "Within ten minutes: commits of a shard that somebody else has; writes that Redis has lost.",
                COUNT,
                Query(f"sum(increase(streamproc_superseded_total{{{ONE}}}[10m]))", "refused"),
                Query(f"sum(increase(streamproc_rewinds_total{{{ONE}}}[10m]))", "rewinds"),
                Query(
                    f"sum(increase(streamproc_rewound_commits_total{{{ONE}}}[10m]))",
                    "commits that Redis lost",
                ),
                alert="StreamprocOwnersFight",
            ),
            graph(
                "Offsets that Kafka did not take",
                "Within ten minutes; and records that were gone before they were read.",
                COUNT,
                Query(
                    f"sum(increase(streamproc_kafka_commit_failures_total{{{ONE}}}[10m]))",
                    "offset commits refused",
                ),
                Query(
                    f"sum by (topic) (increase(streamproc_offsets_lost_total{{{ONE}}}[10m]))",
                    "lost of {{topic}}",
                ),
                alert="StreamprocOffsetsNotTold",
            ),
        ],
    )


def _failures() -> Row:
    return Row(
        "Events that are not as they should be",
        [
            graph(
                "Failed events",
                "Sent to events.failed, by reason. not_processed is a defect of streamproc.",
                PER_SECOND,
                Query(_rate("events_failed_total", "topic, reason"), "{{topic}} {{reason}}"),
                alert="StreamprocEventsFail",
            ),
            graph(
                "Repeats and late events",
                "Recognised by their messageId; older than the largest window and not applied.",
                PER_SECOND,
                Query(_rate("events_repeated_total"), "repeats"),
                Query(_rate("events_too_late_total"), "too late"),
                alert="StreamprocEventsLate",
            ),
            graph(
                "What producers should look at",
                "Another partitioner than murmur2; names without a meaning; other currencies; unknown time zones.",
                PER_SECOND,
                Query(_rate("events_rekeyed_total"), "wrong partition"),
                Query(_rate("events_unknown_name_total"), "unknown name"),
                Query(_rate("currency_mismatches_total"), "other currency"),
                Query(_rate("time_zones_unknown_total"), "unknown time zone"),
                alert="StreamprocWrongPartitions",
            ),
        ],
    )


def _processes() -> Row:
    return Row(
        "Processes",
        [
            graph(
                "CPU",
                "1 is a whole core; a worker is one process and uses little more than one.",
                COUNT,
                Query(f"rate(process_cpu_seconds_total{{{ONE}}}[$__rate_interval])", "{{instance}}"),
                limits=Limits(warning=0.8, bad=0.95),
                span=6,
            ),
            graph(
                "Memory",
                "Resident. It should be flat.",
                units.BytesIEC,
                Query(f"process_resident_memory_bytes{{{ONE}}}", "{{instance}}"),
                span=6,
                alert="StreamprocMemory",
            ),
            graph(
                "Clock against Prometheus",
                "Positive: the worker's clock is behind.",
                SECONDS,
                Query(
                    f"timestamp(streamproc_wall_time_seconds{{{ONE}}}) - streamproc_wall_time_seconds{{{ONE}}}",
                    "{{instance}}",
                ),
                span=6,
                alert="StreamprocClockSkew",
            ),
            graph(
                "Age of the process",
                "A saw tooth: it ends and is started again.",
                SECONDS,
                Query(f"time() - process_start_time_seconds{{{ONE}}}", "{{instance}}"),
                span=6,
                alert="StreamprocRestarting",
            ),
        ],
    )


def _webhooks() -> Row:
    return Row(
        "Webhooks (streamproc webhooks)",
        [
            graph(
                "Attempts by result",
                "What the receiver answered.",
                PER_SECOND,
                Query(_rate("webhook_attempts_total", "result", ALL), "{{result}}"),
                stacked=True,
                span=6,
                alert="StreamprocWebhooksWait",
            ),
            graph(
                "Time of an attempt, p95",
                "A receiver should answer first and work afterwards.",
                SECONDS,
                Query(
                    f"histogram_quantile(0.95, {_rate('webhook_attempt_seconds_bucket', 'le', ALL)})", "p95"
                ),
                span=6,
                alert="StreamprocWebhooksWait",
            ),
            graph(
                "Waiting",
                "Messages in the journal, and records that are not read yet.",
                COUNT,
                Query(f"sum(streamproc_webhook_backlog_records{{{ALL}}})", "to be delivered"),
                Query(f"sum(streamproc_webhook_unread_records{{{ALL}}})", "to be read"),
                span=6,
                alert="StreamprocWebhooksWait",
            ),
            graph(
                "Longest wait",
                "Age of the message that has waited longest.",
                SECONDS,
                Query(f"max(streamproc_webhook_oldest_seconds{{{ALL}}})", "oldest"),
                span=6,
                limits=Limits(warning=600, bad=3_600),
                alert="StreamprocWebhooksWait",
            ),
        ],
    )
