"""Rows of the dashboard of operations: signals, timers, and what goes wrong."""

from grafana_foundation_sdk.models import units

from deploy.grafana.chosen import ALL, ONE, rate
from deploy.grafana.panels import (
    COUNT,
    PER_SECOND,
    SECONDS,
    Limits,
    Query,
    Row,
    figures,
    graph,
)


def signals() -> Row:
    """What waits for Kafka."""
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
                Query(rate("relayed_total", "topic"), "{{topic}}"),
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


def timers() -> Row:
    """Silence, and the rules it is judged by."""
    return Row(
        "Timers and rules",
        [
            graph(
                "Timers due",
                "Customers whose timer came due. Midnight (UTC) is a peak: a day leaves the windows of everybody.",
                PER_SECOND,
                Query(rate("timers_due_total"), "due"),
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


def rebalances() -> Row:
    """Who has which shards, and what was lost."""
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


def failures() -> Row:
    """What producers do wrong."""
    return Row(
        "Events that are not as they should be",
        [
            graph(
                "Failed events",
                "Sent to events.failed, by reason. not_processed is a defect of streamproc.",
                PER_SECOND,
                Query(rate("events_failed_total", "topic, reason"), "{{topic}} {{reason}}"),
                alert="StreamprocEventsFail",
            ),
            graph(
                "Repeats and late events",
                "Recognised by their messageId; older than the largest window and not applied.",
                PER_SECOND,
                Query(rate("events_repeated_total"), "repeats"),
                Query(rate("events_too_late_total"), "too late"),
                alert="StreamprocEventsLate",
            ),
            graph(
                "What producers should look at",
                "Another partitioner than murmur2; names without a meaning; other currencies; unknown time zones.",
                PER_SECOND,
                Query(rate("events_rekeyed_total"), "wrong partition"),
                Query(rate("events_unknown_name_total"), "unknown name"),
                Query(rate("currency_mismatches_total"), "other currency"),
                Query(rate("time_zones_unknown_total"), "unknown time zone"),
                alert="StreamprocWrongPartitions",
            ),
        ],
    )


def processes() -> Row:
    """What workers take."""
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
                "Resident, and the highest limit (0: none is known). It should be flat, and well under its limit.",
                units.BytesIEC,
                Query(f"process_resident_memory_bytes{{{ONE}}}", "{{instance}}"),
                Query(f"max(streamproc_memory_limit_bytes{{{ONE}}})", "limit"),
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


def webhooks() -> Row:
    """The program beside the workers."""
    return Row(
        "Webhooks (streamproc webhooks)",
        [
            graph(
                "Attempts by result",
                "What the receiver answered.",
                PER_SECOND,
                Query(rate("webhook_attempts_total", "result", ALL), "{{result}}"),
                stacked=True,
                span=6,
                alert="StreamprocWebhooksWait",
            ),
            graph(
                "Time of an attempt, p95",
                "A receiver should answer first and work afterwards.",
                SECONDS,
                Query(
                    f"histogram_quantile(0.95, {rate('webhook_attempt_seconds_bucket', 'le', ALL)})", "p95"
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
