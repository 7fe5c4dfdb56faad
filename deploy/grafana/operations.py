"""The dashboard "streamproc: operations": is everything read, applied and sent, and how quickly?"""

from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana import faults, flow
from deploy.grafana.panels import build, docs, labels, source


def dashboard() -> model.Dashboard:
    """See the module's docstring."""
    return build(
        "streamproc-operations",
        "streamproc: operations",
        "Is everything read, applied and sent, and how quickly? What each alert means: docs/runbook.md.",
        [
            source(),
            labels(
                "job", "installation", '{__name__=~"streamproc_assigned_shards|streamproc_webhook_disabled"}'
            ),
            labels("instance", "worker", "streamproc_assigned_shards", job="job"),
            docs(),
        ],
        [
            flow.glance(),
            flow.lag(),
            flow.latency(),
            flow.redis(),
            faults.signals(),
            faults.timers(),
            faults.rebalances(),
            faults.failures(),
            faults.processes(),
            faults.webhooks(),
        ],
        since="now-6h",
    )
