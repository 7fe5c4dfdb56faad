"""The dashboards, read as Grafana reads them: committed as they are made, laid out, linked, and of known metrics."""

import json
import re
from collections import Counter
from typing import Any

import pytest
import yaml

from deploy.grafana.__main__ import FOLDER, main, rendered
from tests.unit.deploy.expressions import ROOT, RULES, unknown_metrics

DASHBOARDS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))
}
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
#: The version of Grafana's schema that the foundation SDK of 11.6 writes.
SCHEMA = 41
COLUMNS = 24

each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)


def panels_of(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_the_committed_files_are_what_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(rendered()) == set(FOLDER.glob("*.json"))
    assert main(["--check"]) == 0, capsys.readouterr().err


@each_dashboard
def test_it_can_be_imported(dashboard: dict[str, Any]) -> None:
    assert dashboard["schemaVersion"] == SCHEMA
    assert re.fullmatch(r"[a-z-]{1,40}", dashboard["uid"])
    assert dashboard["title"].startswith("streamproc: ")
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    assert min(ids) == 1
    titles = Counter(panel["title"] for panel in dashboard["panels"])
    assert titles.most_common(1)[0][1] == 1


@each_dashboard
def test_panels_fill_the_grid_without_overlaps(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= COLUMNS, panel["title"]
        taken |= cells
    widths = Counter(y for _, y in taken)
    assert set(widths.values()) == {COLUMNS}
    assert set(widths) == set(range(max(widths) + 1))


@each_dashboard
def test_each_panel_says_what_it_shows(dashboard: dict[str, Any]) -> None:
    for panel in panels_of(dashboard):
        title = panel["title"]
        assert panel["description"].endswith("."), title
        is_heatmap = panel["type"] == "heatmap"
        unit = panel["options"]["yAxis"] if is_heatmap else panel["fieldConfig"]["defaults"]
        assert unit["unit"], title
        assert panel["datasource"]["uid"] == "${source}"
        assert panel["targets"], title
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${source}"
            assert 'job=~"$job"' in target["expr"], title
            assert panel["type"] == "table" or target["legendFormat"], title


@each_dashboard
def test_links_go_to_sections_of_the_runbook(dashboard: dict[str, Any]) -> None:
    sections = {heading.lower() for heading in re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE)}
    for panel in panels_of(dashboard):
        for link in panel.get("links", []):
            page, _, section = link["url"].partition("#")
            assert page == "${docs:raw}/runbook.md"
            assert section in sections, panel["title"]


@each_dashboard
def test_variables_that_are_used_exist(dashboard: dict[str, Any]) -> None:
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    text = json.dumps(dashboard)
    used = set(re.findall(r"\$\{?([a-z]+)\b", text))
    assert used <= known
    assert known - used == set()


@each_dashboard
def test_every_metric_exists(dashboard: dict[str, Any]) -> None:
    asked = [target["expr"] for panel in panels_of(dashboard) for target in panel["targets"]]
    asked += [
        str(variable["query"]) for variable in dashboard["templating"]["list"] if variable["type"] == "query"
    ]
    for expression in asked:
        assert unknown_metrics(expression) == set(), expression


def test_each_recorded_series_is_looked_at() -> None:
    """By an alert or a dashboard."""
    read = json.dumps(DASHBOARDS) + (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text(
        encoding="utf-8"
    )
    assert [rule["record"] for rule in RULES if rule["record"] not in read] == []


def test_grafana_is_given_what_the_dashboards_need() -> None:
    folder = ROOT / "deploy" / "grafana" / "provisioning"
    [source] = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    [provider] = yaml.safe_load((folder / "dashboards" / "streamproc.yml").read_text())["providers"]
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
