"""Rows of the dashboard of operations: from events to commits."""

from deploy.grafana.chosen import ALL, ONE, quantile, quantiles, rate
from deploy.grafana.panels import (
    COUNT,
    PER_SECOND,
    SECONDS,
    SHARE,
    Limits,
    Query,
    Row,
    graph,
    latencies,
    number,
)


def glance() -> Row:
    """Six numbers."""
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


def lag() -> Row:
    """What comes, and what waits."""
    return Row(
        "Throughput and lag",
        [
            graph(
                "Events",
                "Valid events that were applied, by topic.",
                PER_SECOND,
                Query(rate("events_accepted_total", "topic"), "{{topic}}"),
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


def latency() -> Row:
    """How long events and signals take."""
    return Row(
        "Latency",
        [
            latencies(
                "Event to commit",
                "From a record's timestamp in Kafka (the producer's, or the broker's) to the commit that has it.",
                rate("event_to_commit_seconds_bucket", "le"),
                alert="StreamprocEventsSlow",
            ),
            latencies(
                "Commit to Kafka's acknowledgement",
                "From a commit to the moment at which Kafka has all its signals.",
                rate("commit_to_ack_seconds_bucket", "le"),
                alert="StreamprocSignalsWait",
            ),
            graph(
                "Event to commit, quantiles",
                "As above, in lines.",
                SECONDS,
                *quantiles("event_to_commit_seconds"),
                span=12,
                limits=Limits(warning=2, bad=10),
                alert="StreamprocEventsSlow",
            ),
            graph(
                "Commit to acknowledgement, quantiles",
                "As above, in lines.",
                SECONDS,
                *quantiles("commit_to_ack_seconds"),
                span=12,
                alert="StreamprocSignalsWait",
            ),
        ],
    )


def redis() -> Row:
    """What a batch takes."""
    return Row(
        "Redis and the work of a batch",
        [
            graph(
                "Commit",
                "Time of one commit to Redis.",
                SECONDS,
                *quantiles("commit_seconds"),
                limits=Limits(warning=0.25, bad=0.5),
                alert="StreamprocCommitsSlow",
            ),
            graph(
                "Redis by operation, p95",
                "Time of one request, as a shard waits for it.",
                SECONDS,
                Query(quantile(0.95, "redis_seconds", "operation"), "{{operation}}"),
                alert="StreamprocCommitsSlow",
            ),
            graph(
                "Preparing a batch",
                "From taking a batch to the start of its commit: loading, counting, rules.",
                SECONDS,
                *quantiles("prepare_seconds"),
            ),
            graph(
                "Commits",
                "Of all shards. An idle shard commits every ten seconds.",
                PER_SECOND,
                Query(rate("commits_total"), "commits"),
            ),
            graph(
                "Evaluations",
                "Evaluations of a customer: after events, when a timer is due, under edited rules.",
                PER_SECOND,
                Query(rate("evaluations_total"), "evaluations"),
                Query(rate("swept_customers_total"), "of these: rules were edited"),
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
