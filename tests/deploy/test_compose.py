"""docker-compose.yml: what it starts, what it publishes, what it keeps. (Its form: `make compose-check`.)"""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamproc.settings import Settings, load_settings
from tests.servers.kafka import IMAGE

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def test_profiles() -> None:
    """The core is on whatever profile is named; nothing of it waits for what may be off."""
    by_profile: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for profile in service.get("profiles", ["core"]):
            by_profile.setdefault(profile, set()).add(name)
    assert by_profile == {
        "core": {"kafka", "redis", "topics", "worker"},
        "observability": {"prometheus", "grafana", "kafka-ui"},
        "webhooks": {"webhooks"},
    }
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= by_profile["core"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service(name: str) -> None:
    """Its version is pinned, loopback is all it is published on, and it is stopped in order and known to be well."""
    service = SERVICES[name]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"])
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)
    assert service["logging"] == {"driver": "local"}, "no log may fill the disk"
    if name == "topics":
        assert (service["restart"], service["healthcheck"]) == ("no", {"disable": True})
        return
    assert service["restart"] == "unless-stopped"
    assert seconds(service["stop_grace_period"]) >= 10
    if name not in OURS:  # ours has the image's
        assert service["healthcheck"]["test"][0] == "CMD"


def test_ports_are_published_once() -> None:
    published = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(set(published)) == len(published)


def test_state_is_kept() -> None:
    """On named volumes, each of one service; Redis writes all down and evicts nothing."""
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert sorted(mount for mount in mounts if not mount.startswith(".")) == sorted(COMPOSE["volumes"])
    assert (
        " ".join(SERVICES["redis"]["command"])
        == "redis-server --appendonly yes --maxmemory-policy noeviction"
    )
    assert "redis:/data" in SERVICES["redis"]["volumes"]
    (data,) = SERVICES["kafka"]["volumes"]
    assert data.split(":")[1] == SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"]


@pytest.mark.parametrize("name", OURS)
def test_ours_run_with_settings_that_exist_and_rights_that_they_need(name: str) -> None:
    service = SERVICES[name]
    known = {f"STREAMPROC_{field.upper()}" for field in Settings.__struct_fields__}
    assert set(service["environment"]) <= known
    settings = load_settings(service["environment"])
    assert settings.kafka in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert settings.redis == "redis://redis:6379/0"
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    for port in service.get("ports", []):
        assert int(port.split(":")[2]) == settings.http_port
    image, _, tag = service["image"].partition(":")
    assert image == "streamproc"
    assert tag == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_what_is_mounted_is_there_and_names_the_services() -> None:
    """The configuration of Prometheus and Grafana is in files that know these names and paths."""
    mounted = {}
    for service in SERVICES.values():
        for source, target, mode in (m.split(":") for m in service.get("volumes", []) if m.startswith(".")):
            assert (ROOT / source).is_dir(), source
            assert mode == "ro"
            mounted[target] = ROOT / source
    prometheus = yaml.safe_load((mounted["/etc/prometheus"] / "prometheus.yml").read_text())
    for job in prometheus["scrape_configs"]:
        for target in (one for group in job["static_configs"] for one in group["targets"]):
            name, _, port = target.partition(":")
            assert any(published.endswith(f":{port}") for published in SERVICES[name]["ports"])
    provisioning = mounted["/etc/grafana/provisioning"]
    for path in provisioning.glob("dashboards/*.y*ml"):
        for provider in yaml.safe_load(path.read_text())["providers"]:
            assert list(mounted[provider["options"]["path"]].glob("*.json"))
    for path in provisioning.glob("datasources/*.y*ml"):
        for source in yaml.safe_load(path.read_text())["datasources"]:
            host, _, port = source["url"].removeprefix("http://").partition(":")
            assert any(published.endswith(f":{port}") for published in SERVICES[host]["ports"])


def test_kafka_is_the_one_that_is_tested() -> None:
    assert SERVICES["kafka"]["image"] == IMAGE
