"""deploy/k8s: what Kustomize builds is valid, fits together, and is what the program can read."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from streamproc.api.access import OPEN_PATHS
from streamproc.rules.load import load_ruleset
from streamproc.settings import Settings, load_settings
from streamproc.transport.brokers import brokers_of
from tests.deploy import manifests
from tests.deploy.manifests import K8S, ROOT, Object, named, of_kind, ours, pods

#: The oldest and the newest that the schemas are for.
VERSIONS = ("1.33", "1.37")
SCHEMAS = {
    schema["properties"]["kind"]["const"]: schema
    for schema in map(
        json.loads, (path.read_text() for path in (Path(__file__).parent / "schemas").glob("*"))
    )
}
#: Components that no overlay has.
OPTIONAL = ("webhooks", "dynamic-membership")
#: KEDA's names of mechanisms.
SASL = {"PLAIN": "plaintext", "SCRAM-SHA-256": "scram_sha256", "SCRAM-SHA-512": "scram_sha512"}
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir())
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@pytest.fixture(scope="session", params=[*OVERLAYS, "everything"])
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """Of each overlay, and of the one for production with all components."""
    if request.param in OVERLAYS:
        return manifests.build(K8S / "overlays" / request.param)
    folder = tmp_path_factory.mktemp("everything")
    made: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "streamproc",
        "resources": [os.path.relpath(K8S / "overlays" / "prod", folder)],
        "components": [os.path.relpath(K8S / "components" / name, folder) for name in OPTIONAL],
        "images": [{"name": "streamproc", "newName": "registry.example.com/streamproc", "newTag": VERSION}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(made))
    return manifests.build(folder)


@pytest.fixture(scope="session")
def prod() -> list[Object]:
    return manifests.build(K8S / "overlays" / "prod")


def test_every_object_is_valid(objects: list[Object]) -> None:
    """Of Kubernetes' own kinds by its schemas, strictly; of others by those beside this test."""
    for one in objects:
        if one["kind"] in SCHEMAS:
            jsonschema.validate(one, SCHEMAS[one["kind"]])
        else:
            for version in VERSIONS:
                kubernetes_validate.validate(one, version, strict=True)


def test_every_component_is_built_here() -> None:
    """Each is in an overlay, or in what this file adds to one: else nothing looks at it."""
    overlays = (
        yaml.safe_load((K8S / "overlays" / name / "kustomization.yaml").read_text()) for name in OVERLAYS
    )
    used = {Path(component).name for overlay in overlays for component in overlay["components"]}
    assert sorted({*used, *OPTIONAL}) == sorted(path.name for path in (K8S / "components").iterdir())


def test_selectors_take_the_pods_that_are_meant(objects: list[Object]) -> None:
    """A Service, a budget or a policy that selects nothing is a slip without an error."""
    labels = {name: template["metadata"]["labels"] for name, template in pods(objects)}
    for one in of_kind(objects, "StatefulSet", "Deployment"):
        name, spec = one["metadata"]["name"], one["spec"]
        assert [n for n, found in labels.items() if manifests.matches(spec["selector"], found)] == [name]
        for spread in spec["template"]["spec"].get("topologySpreadConstraints", []):
            assert spread["labelSelector"] == spec["selector"]
    for one in of_kind(objects, "PodDisruptionBudget"):
        taken = [n for n, found in labels.items() if manifests.matches(one["spec"]["selector"], found)]
        assert taken == [one["metadata"]["name"]]
    for one in of_kind(objects, "Service"):
        selector = {"matchLabels": one["spec"]["selector"]}
        taken = [n for n, found in labels.items() if manifests.matches(selector, found)]
        assert taken == [one["metadata"]["name"]]
    for one in of_kind(objects, "NetworkPolicy"):
        assert any(manifests.matches(one["spec"]["podSelector"], found) for found in labels.values())


def test_one_worker_at_a_time_may_be_disturbed(objects: list[Object]) -> None:
    """However many there are: all but one go on."""
    for one in of_kind(objects, "PodDisruptionBudget"):
        assert one["spec"]["maxUnavailable"] == 1


def test_ports_are_those_that_the_program_listens_on(objects: list[Object]) -> None:
    services = {one["metadata"]["name"]: one for one in of_kind(objects, "Service")}
    for name, _, container in ours(objects):
        if "ports" not in container:
            continue
        assert container["ports"] == [{"name": "http", "containerPort": Settings().http_port}]
        (port,) = services[name]["spec"]["ports"]
        assert (port["port"], port["targetPort"]) == (Settings().http_port, "http")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container[probe]["httpGet"]
            assert asked["port"] == "http"
            assert asked["path"] in OPEN_PATHS
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez", "readiness is no reason to kill"
    for monitor in of_kind(objects, "ServiceMonitor"):
        scraped = [
            one
            for one in services.values()
            if manifests.matches(monitor["spec"]["selector"], one["metadata"]["labels"])
        ]
        assert {one["metadata"]["name"] for one in scraped} == {
            name for name, _, container in ours(objects) if "ports" in container
        }
        jobs = {one["metadata"]["labels"][monitor["spec"]["jobLabel"]] for one in scraped}
        assert jobs == {"streamproc"}, "rules and dashboards go by it"
        (endpoint,) = monitor["spec"]["endpoints"]
        assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")


def test_pods_may_do_nothing_that_they_need_not(objects: list[Object]) -> None:
    """As the namespace enforces (`restricted`), and without an account of the cluster."""
    for name, template in pods(objects):
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context.get("readOnlyRootFilesystem") or name == "kafka", name
            resources = container["resources"]
            assert {"cpu", "memory"} <= set(resources["requests"])
            assert "memory" in resources["limits"]
            assert "cpu" not in resources["limits"], "a throttled worker misses heartbeats"


def test_images_have_versions(objects: list[Object]) -> None:
    """Those of the compose file, and streamproc's own."""
    elsewhere = {service["image"] for service in COMPOSE.values()}
    for _, template in pods(objects):
        for container in template["spec"]["containers"]:
            name, _, tag = container["image"].rpartition(":")
            if name.endswith("streamproc"):
                assert tag == VERSION
            else:
                assert container["image"] in elsewhere


def test_the_grace_period_is_no_shorter_than_in_compose(objects: list[Object]) -> None:
    worker = named(objects, "StatefulSet", "streamproc-worker")["spec"]["template"]["spec"]
    assert worker["terminationGracePeriodSeconds"] >= int(COMPOSE["worker"]["stop_grace_period"].rstrip("s"))


def test_settings_are_read_and_go_together(objects: list[Object], tmp_path: Path) -> None:
    """By the program itself, with every secret where the pod has it; each variable is a setting."""
    known = {
        f"STREAMPROC_{name.upper()}{end}" for name in Settings.__struct_fields__ for end in ("", "_FILE")
    }
    values = {"redis-url": "rediss://redis:6379/0", "webhook-url": "https://crm.example.com/"}
    for workload, spec, container in ours(objects):
        variables = manifests.environment(objects, workload, container)
        assert set(variables) <= known, set(variables) - known
        assert not [
            name
            for name, value in variables.items()
            if re.search(r"PASSWORD|SECRET", name) and "/" not in value
        ]
        keys = manifests.secret_keys(variables, spec, container)
        assert set(keys) == {name for name in variables if name.endswith("_FILE")}
        for name, key in keys.items():
            (tmp_path / key).write_text(values.get(key, "someone"))
            variables[name] = str(tmp_path / key)
        settings = load_settings(variables)
        brokers_of(settings)  # raises, if they cannot work together
        assert settings.http_host == "0.0.0.0"
        assert settings.log_format == "json"


def test_rules_are_a_folder_and_load(objects: list[Object], tmp_path: Path) -> None:
    """A file mounted by `subPath` would never change; a name with a hash would restart the workers."""
    rules = named(objects, "ConfigMap", "streamproc-rules")
    assert rules["metadata"]["name"] == "streamproc-rules"
    for name, text in rules["data"].items():
        (tmp_path / name).write_text(text)
    mounted = 0
    for workload, spec, container in ours(objects):
        assert not any("subPath" in mount for mount in container["volumeMounts"])
        folders = {volume["name"] for volume in spec["volumes"] if "configMap" in volume}
        for mount in container["volumeMounts"]:
            if mount["name"] in folders:
                path = Path(manifests.environment(objects, workload, container)["STREAMPROC_RULES"])
                assert str(path.parent) == mount["mountPath"]
                assert load_ruleset(tmp_path / path.name).segments
                mounted += 1
    assert mounted


def test_secrets_are_those_that_are_needed(objects: list[Object]) -> None:
    """In dev they are made; in production docs/production.md says how to make them."""
    needed = {
        key
        for workload, spec, container in ours(objects)
        for key in manifests.secret_keys(
            manifests.environment(objects, workload, container), spec, container
        ).values()
    }
    for authentication in of_kind(objects, "TriggerAuthentication"):
        needed |= {one["key"] for one in authentication["spec"]["secretTargetRef"]}
    if made := of_kind(objects, "Secret"):
        assert set(made[0]["data"]) == needed
        return
    page = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    assert needed <= set(re.findall(r"--from-file=([\w-]+)", page))


def test_only_prometheus_comes_in(objects: list[Object]) -> None:
    """And nothing goes out to everywhere, but the webhooks by https."""
    for policy in of_kind(objects, "NetworkPolicy"):
        spec = policy["spec"]
        for rule in spec.get("ingress", []):
            assert rule["from"]
            if policy["metadata"]["name"] == "streamproc":
                (source,) = rule["from"]
                assert source["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}
                assert rule["ports"] == [{"port": Settings().http_port, "protocol": "TCP"}]
        for rule in spec.get("egress", []):
            assert rule["to"]
            assert rule["ports"]
            anywhere = any(to.get("ipBlock", {}).get("cidr") == "0.0.0.0/0" for to in rule["to"])
            assert not anywhere or policy["metadata"]["name"] == "streamproc-webhooks"


def test_workers_are_scaled_between_one_and_the_partitions(prod: list[Object]) -> None:
    """Timers fire without traffic, so never to zero; a worker beyond the partitions would never be ready."""
    (scaled,) = of_kind(prod, "ScaledObject")
    spec = scaled["spec"]
    worker = named(prod, "StatefulSet", spec["scaleTargetRef"]["name"])
    assert worker["kind"] == spec["scaleTargetRef"]["kind"]
    assert "replicas" not in worker["spec"], "each `apply` would put it back"
    (topics,) = named(prod, "Job", "streamproc-topics")["spec"]["template"]["spec"]["containers"]
    partitions = int(topics["args"][topics["args"].index("--partitions") + 1])
    assert (
        1 <= spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"] <= partitions
    )
    assert "idleReplicaCount" not in spec
    behaviour = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behaviour["scaleDown"]["stabilizationWindowSeconds"] >= 1800
    (trigger,) = spec["triggers"]
    variables = manifests.environment(
        prod, "streamproc-worker", worker["spec"]["template"]["spec"]["containers"][0]
    )
    assert trigger["metadata"]["bootstrapServers"] == variables["STREAMPROC_KAFKA"]
    assert trigger["metadata"]["consumerGroup"] == variables.get("STREAMPROC_GROUP", Settings().group)
    assert trigger["metadata"]["sasl"] == SASL[variables["STREAMPROC_KAFKA_SASL_MECHANISM"]]
    (authentication,) = of_kind(prod, "TriggerAuthentication")
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]


def test_production_keeps_three_copies(prod: list[Object]) -> None:
    (topics,) = named(prod, "Job", "streamproc-topics")["spec"]["template"]["spec"]["containers"]
    assert topics["args"][-2:] == ["--replication", "3"]


def test_a_pod_has_the_name_that_the_group_knows_it_by(
    objects: list[Object], request: pytest.FixtureRequest
) -> None:
    """Static membership, but where a component takes it away; each name once, so only in a StatefulSet."""
    has_names = request.node.callspec.params["objects"] in OVERLAYS
    for workload, _, container in ours(objects):
        named_by_pod = "STREAMPROC_INSTANCE" in manifests.environment(objects, workload, container)
        assert named_by_pod == (has_names and workload == "streamproc-worker")
    worker = named(objects, "StatefulSet", "streamproc-worker")
    assert worker["spec"]["podManagementPolicy"] == "Parallel"
    assert worker["spec"]["serviceName"] == named(objects, "Service", "streamproc-worker")["metadata"]["name"]
