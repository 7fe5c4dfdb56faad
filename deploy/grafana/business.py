"""The dashboard "streamproc: customers": who is in which segment, who moves, and what campaigns achieve."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.panels import (
    COUNT,
    SHARE,
    Limits,
    Query,
    Row,
    build,
    docs,
    figures,
    graph,
    labels,
    number,
    source,
    window,
)

ALL: Final = 'job=~"$job"'
SEGMENT: Final = f'{ALL}, segment=~"$segment"'
CAMPAIGN: Final = f'{ALL}, campaign=~"$campaign"'


def dashboard() -> model.Dashboard:
    """See the module's docstring."""
    return build(
        "streamproc-customers",
        "streamproc: customers",
        "Who is in which segment, who moves and why, who may leave, and what campaigns achieve against their "
        "control groups.",
        [
            source(),
            labels("job", "installation", "streamproc_assigned_shards"),
            labels("segment", "segment", "streamproc_segment_customers", job="job"),
            labels("campaign", "campaign", "streamproc_campaign_entries_total", job="job"),
            window("7d", "1d", "28d"),
            docs(),
        ],
        [_glance(), _segments(), _churn(), _campaigns(), _lift()],
        since="now-7d",
    )


def _increase(metric: str, by: str, chosen: str, over: str = "$window") -> str:
    return f"sum by ({by}) (increase(streamproc_{metric}{{{chosen}}}[{over}]))"


def _converted(arm: str) -> str:
    """The share of a campaign's journeys that converted, of those that ended."""
    chosen = f"{CAMPAIGN}, {arm}"
    converted = _increase("campaign_ended_total", "campaign", f'{chosen}, outcome="converted"')
    of = _increase("campaign_ended_total", "campaign", f'{chosen}, outcome=~"converted|not_converted"')
    return f"{converted} / ({of} > 0)"


def _glance() -> Row:
    return Row(
        "At a glance",
        [
            number(
                "Customers",
                "All that there is a state of.",
                COUNT,
                Query(f"sum(job_band:streamproc_band_customers:sum{{{ALL}}})", "customers"),
            ),
            number(
                "At high risk",
                "The share of customers in the churn bands high and critical.",
                SHARE,
                Query(
                    f'sum(job_band:streamproc_band_customers:sum{{{ALL}, band=~"high|critical"}}) / '
                    f"sum(job_band:streamproc_band_customers:sum{{{ALL}}})",
                    "high",
                ),
            ),
            number(
                "Moves within a day",
                "Entries into segments and exits from them.",
                COUNT,
                Query(f"sum(increase(streamproc_segment_moves_total{{{SEGMENT}}}[1d]))", "moves"),
            ),
            number(
                "Requests within a day",
                "Messages that campaigns asked for; without the control groups.",
                COUNT,
                Query(
                    f'sum(increase(streamproc_campaign_requests_total{{{CAMPAIGN}, holdout="false"}}[1d]))',
                    "requests",
                ),
            ),
            number(
                "Conversions within a day",
                "Journeys that ended as the campaign wants it; without the control groups.",
                COUNT,
                Query(
                    f'sum(increase(streamproc_campaign_ended_total{{{CAMPAIGN}, holdout="false", '
                    'outcome="converted"}[1d]))',
                    "conversions",
                ),
            ),
            number(
                "Shards without sizes",
                "Sizes leave them out: their states come from a version that did not count. 0 is as it should be.",
                COUNT,
                Query(f"sum(streamproc_uncounted_shards{{{ALL}}})", "shards"),
                limits=Limits(bad=1),
            ),
        ],
    )


def _segments() -> Row:
    return Row(
        "Segments: sizes and flows",
        [
            graph(
                "Sizes",
                "Customers in each segment. Exact: kept in the commits that move them.",
                COUNT,
                Query(
                    f"sum by (segment) (job_segment:streamproc_segment_customers:sum{{{SEGMENT}}})",
                    "{{segment}}",
                ),
                span=12,
            ),
            figures(
                "Now, and what has moved",
                "Entries and exits over the chosen time.",
                COUNT,
                Query(
                    f"sum by (segment) (job_segment:streamproc_segment_customers:sum{{{SEGMENT}}})",
                    "customers",
                ),
                Query(_increase("segment_moves_total", "segment", f'{SEGMENT}, kind="entered"'), "entered"),
                Query(_increase("segment_moves_total", "segment", f'{SEGMENT}, kind="exited"'), "exited"),
            ),
            graph(
                "Entries an hour",
                "By segment.",
                COUNT,
                Query(
                    "sum by (segment) (job_segment_kind_cause:streamproc_segment_moves:increase1h"
                    f'{{{SEGMENT}, kind="entered"}})',
                    "{{segment}}",
                ),
                stacked=True,
            ),
            graph(
                "Exits an hour",
                "By segment.",
                COUNT,
                Query(
                    "sum by (segment) (job_segment_kind_cause:streamproc_segment_moves:increase1h"
                    f'{{{SEGMENT}, kind="exited"}})',
                    "{{segment}}",
                ),
                stacked=True,
            ),
            graph(
                "Moves an hour, by cause",
                "event: something happened; time: nothing happened for long enough; definition: rules were edited.",
                COUNT,
                Query(
                    f"sum by (kind, cause) (job_segment_kind_cause:streamproc_segment_moves:increase1h{{{SEGMENT}}})",
                    "{{kind}}, {{cause}}",
                ),
                stacked=True,
            ),
        ],
    )


def _churn() -> Row:
    return Row(
        "Churn risk",
        [
            graph(
                "Bands",
                "Customers in each band; none: too little history for one.",
                COUNT,
                Query(f"sum by (band) (job_band:streamproc_band_customers:sum{{{ALL}}})", "{{band}}"),
                stacked=True,
                span=12,
            ),
            graph(
                "Into another band, an hour",
                "By the new band.",
                COUNT,
                Query(
                    f'sum by (key) (increase(streamproc_signals_total{{{ALL}, topic="churn.risk", kind="churn"}}[1h]))',
                    "into {{key}}",
                ),
                span=12,
            ),
        ],
    )


def _campaigns() -> Row:
    return Row(
        "Campaigns",
        [
            graph(
                "Requests an hour",
                "By campaign; without the control groups.",
                COUNT,
                Query(
                    _increase("campaign_requests_total", "campaign", f'{CAMPAIGN}, holdout="false"', "1h"),
                    "{{campaign}}",
                ),
                stacked=True,
            ),
            graph(
                "Ends of journeys an hour, by outcome",
                "converted, not_converted, superseded, done.",
                COUNT,
                Query(
                    _increase("campaign_ended_total", "outcome", f'{CAMPAIGN}, holdout="false"', "1h"),
                    "{{outcome}}",
                ),
                stacked=True,
            ),
            graph(
                "Not asked for, an hour, by reason",
                "no_consent, quiet hours, caps, budgets, the breaker ...: docs/campaigns.md.",
                COUNT,
                Query(_increase("campaign_suppressed_total", "reason", CAMPAIGN, "1h"), "{{reason}}"),
                stacked=True,
            ),
            figures(
                "By campaign and arm",
                "Over the chosen time. holdout true: the control group, which would have been asked.",
                COUNT,
                Query(_increase("campaign_entries_total", "campaign, variant, holdout", CAMPAIGN), "entries"),
                Query(
                    _increase("campaign_requests_total", "campaign, variant, holdout", CAMPAIGN), "requests"
                ),
                Query(
                    _increase(
                        "campaign_ended_total",
                        "campaign, variant, holdout",
                        f'{CAMPAIGN}, outcome="converted"',
                    ),
                    "converted",
                ),
                span=16,
            ),
            graph(
                "Held by the breaker",
                "Shards whose campaigns ask for nothing until somebody says so.",
                COUNT,
                Query(f"sum(streamproc_campaigns_held{{{ALL}}})", "shards"),
                limits=Limits(bad=1),
                alert="StreamprocCampaignsHeld",
            ),
        ],
    )


def _lift() -> Row:
    asked, control = _converted('holdout="false"'), _converted('holdout="true"')
    return Row(
        "Against the control group",
        [
            graph(
                "Conversion by campaign and group",
                "The share of journeys that converted, of those that ended over the chosen time. Young campaigns look "
                "too good in both groups: a conversion ends a journey at once, a failure when its window is over.",
                SHARE,
                Query(asked, "{{campaign}}, asked"),
                Query(control, "{{campaign}}, control"),
                span=12,
            ),
            graph(
                "Lift",
                "Conversion of those who were asked less that of the control group, in shares of journeys. For "
                "watching; whether it is more than chance says streamproc campaigns report.",
                SHARE,
                Query(f"({asked}) - ({control})", "{{campaign}}"),
                span=12,
            ),
        ],
    )
