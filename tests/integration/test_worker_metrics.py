"""A worker's metrics: the rules and dashboards of deploy/ on a real Prometheus, and lag while a shard stands still."""

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from redis import Redis

from tests.integration.test_worker_live import identify, logs_of, with_rules
from tests.integration.worker import Installation, WorkerProcess, event, until, wall_ms
from tests.reference.record import Record
from tests.servers.prometheus import PrometheusProcess, missing, promtool

pytestmark = pytest.mark.usefixtures("require_apache_kafka")

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = """
segments:
  - {key: quiet, name: Quiet, version: 1, enter: recency > 2s}
campaigns:
  - {key: nudge, name: Nudge, version: 1, on: enter quiet, reentry: never, holdout: 50%, channel: email, reason: Quiet,
     attribution: 2s, expires_after: 1h}
"""
CUSTOMERS = 40
#: Panels that have nothing to show where there are no webhooks, and customers who are too young for a band.
EMPTY = {
    "Attempts by result",
    "Time of an attempt, p95",
    "Waiting",
    "Longest wait",
    "Into another band, an hour",
}
#: What the choices of the dashboards are set to.
CHOSEN = {
    "job": ".*",
    "instance": ".*",
    "segment": ".*",
    "campaign": ".*",
    "window": "7d",
    "__rate_interval": "30s",
}


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[PrometheusProcess]:
    """With the files of deploy/prometheus. It is to be started once it is known what it scrapes."""
    if missing():
        pytest.fail(missing(), pytrace=False)
    directory = tmp_path / "prometheus"
    shutil.copytree(DEPLOY / "prometheus", directory)
    process = PrometheusProcess(directory=directory)
    yield process
    process.kill()


def start(prometheus: PrometheusProcess, worker: WorkerProcess) -> None:
    """As deployed, but quicker: it looks every second."""
    path = prometheus.directory / "prometheus.yml"
    config = yaml.safe_load(path.read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    job, beside = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["worker:6066"]}]
    assert beside["static_configs"] == [{"targets": ["webhooks:6066"]}]  # and stays down
    job["static_configs"] = [{"targets": [f"127.0.0.1:{worker.http_port}"]}]
    path.write_text(yaml.safe_dump(config))
    rules = prometheus.directory / "rules.yml"
    rules.write_text(re.sub("interval: .*", "interval: 1s", rules.read_text()))
    prometheus.start()


def dashboard_queries() -> Iterator[tuple[str, str]]:
    """(panel, expression) of all dashboards, with something chosen for each variable."""
    for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text())
        asked = [
            (panel["title"], target["expr"])
            for panel in dashboard["panels"]
            for target in panel.get("targets", [])
        ]
        asked += [(one["name"], one["expr"]) for one in dashboard["annotations"]["list"]]
        for title, expression in asked:
            yield title, re.sub(r"\$(\w+)", lambda found: CHOSEN[found[1]], expression)


async def live_customers(installation: Installation, worker: WorkerProcess) -> None:
    """All fall silent, are asked or not, and half of them come back."""
    names = [f"c-{n}" for n in range(CUSTOMERS)]
    agreed = [("events.web", name, identify(name)) for name in names]
    came = [("events.app", name, event(name, wall_ms(), 1)) for name in names]
    await installation.publish(logs_of(installation, agreed + came))

    def ended() -> float:
        return sum(
            value
            for sample, value in worker.metrics().items()
            if sample.startswith("streamproc_campaign_ended_total")
        )

    asked = 'streamproc_signals_total{key="quiet",kind="entered",topic="segments.changes"}'
    worker.wait_for(lambda: worker.metrics().get(asked, 0) == CUSTOMERS)
    back = [("events.web", name, event(name, wall_ms(), 2)) for name in names[::2]]
    await installation.publish(logs_of(installation, back))
    worker.wait_for(lambda: ended() == CUSTOMERS)


def test_prometheus_takes_the_examples_of_the_page(tmp_path: Path) -> None:
    """What docs/metrics.md would have in prometheus.yml: who is scraped, and where alerts go."""
    if missing():
        pytest.fail(missing(), pytrace=False)
    page = (DEPLOY.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
    blocks = [
        yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    ]
    examples = [block for block in blocks if block.keys() & {"scrape_configs", "alerting"}]
    assert [list(example) for example in examples] == [["scrape_configs"], ["alerting"]]
    directory = tmp_path / "prometheus"
    shutil.copytree(DEPLOY / "prometheus", directory)
    path = directory / "prometheus.yml"
    config = yaml.safe_load(path.read_text())
    for example in examples:
        config |= example
    path.write_text(yaml.safe_dump(config))
    checked = promtool("check", "config", str(path))
    assert checked.returncode == 0, checked.stderr


async def test_rules_and_dashboards_show_a_worker(
    installation: Installation, prometheus: PrometheusProcess
) -> None:
    with_rules(installation, RULES)
    worker = installation.worker()
    start(prometheus, worker)  # whose first look takes five seconds
    worker.wait_ready()
    # A rise that Prometheus has not seen from 0 on is none to it.
    await until(lambda: prometheus.query("streamproc_campaign_entries_total == 0"), within_s=15)
    await live_customers(installation, worker)

    checked = promtool("check", "metrics", given=worker.get("/metrics")[1])
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")

    shown, queries = prometheus.query, list(dashboard_queries())
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    recorded = [rule["name"] for rule in rules if rule["type"] == "recording"]
    await until(lambda: all(map(shown, recorded)), within_s=20)
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules if rule.get("state") == "firing"] == []

    def empty() -> set[str]:
        """Of a panel with several queries each must have something to show."""
        return {title for title, expression in queries if not shown(expression)} - {"Alerts"}

    with suppress(AssertionError):
        await until(lambda: empty() <= EMPTY, within_s=10)
    assert empty() == EMPTY
    [total] = shown("sum(job_band:streamproc_band_customers:sum)")
    assert float(total["value"][1]) == CUSTOMERS
    # Everybody falls silent again. Sizes are looked at every five seconds, moves are counted at once.
    await until(
        lambda: worker.metrics()['streamproc_segment_customers{segment="quiet"}'] == CUSTOMERS, within_s=15
    )
    moves = {"entered": 0.0, "exited": 0.0}
    for sample, value in worker.metrics().items():
        if found := re.fullmatch(r'streamproc_segment_moves_total\{.*kind="(\w+)".*\}', sample):
            moves[found[1]] += value
    assert moves["entered"] - moves["exited"] == CUSTOMERS


async def test_lag_grows_while_a_shard_stands_still(installation: Installation) -> None:
    """Redis takes nothing, the inbox is full, nothing is fetched any more: what comes is counted all the same."""
    with_rules(installation, RULES)
    worker = installation.worker(chunk_records=1).wait_ready()
    topic = f"{installation.prefix}events.web"

    def lag() -> float:
        return worker.metrics().get(f'streamproc_lag_records{{partition="0",topic="{topic}"}}', -1)

    async def send(first: int, count: int) -> None:
        log = [Record(n, b"c-0", event("c-0", wall_ms(), n)) for n in range(first, first + count)]
        await installation.publish({("events.web", 0): log})

    await until(lambda: lag() == 0, within_s=15)
    with Redis.from_url(installation.redis) as redis:
        redis.execute_command("CLIENT", "PAUSE", "25000", "WRITE")
        try:
            await send(0, 10)
            await asyncio.sleep(1)  # these are fetched, and the next ones are not
            await send(10, 20)
            await until(lambda: lag() >= 29, within_s=15)
        finally:
            redis.execute_command("CLIENT", "UNPAUSE")
