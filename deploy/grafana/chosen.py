"""What is chosen on the dashboard of operations, and rates and quantiles of it."""

from typing import Final

from deploy.grafana.panels import Query

#: All workers of the chosen installations, and those of the chosen instances.
ALL: Final = 'job=~"$job"'
ONE: Final = 'job=~"$job", instance=~"$instance"'


def rate(metric: str, by: str = "", chosen: str = ONE) -> str:
    """How often a second, by labels."""
    return f"sum by ({by}) (rate(streamproc_{metric}{{{chosen}}}[$__rate_interval]))"


def quantile(share: float, metric: str, by: str = "") -> str:
    """Of a histogram, by a label."""
    grouped = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', grouped)})"


def quantiles(metric: str) -> list[Query]:
    """The three that are shown of every histogram."""
    return [Query(quantile(share, metric), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)]
