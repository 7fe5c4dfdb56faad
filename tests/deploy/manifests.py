"""What Kustomize makes of deploy/k8s, and what a container made of it would see."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
#: Filled by `make kustomize` where there is no other.
BUILT = ROOT / ".cache" / "kustomize" / "kustomize"

Object: TypeAlias = dict[str, Any]


def builder() -> list[str]:
    """The command that builds the folder appended to it."""
    if BUILT.exists():
        return [str(BUILT), "build"]
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    pytest.fail("no kustomize: `make kustomize` says why")


@cache
def build(folder: Path) -> list[Object]:
    """All objects of a kustomization."""
    made = subprocess.run([*builder(), str(folder)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return list(yaml.safe_load_all(made.stdout))


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    return [found for found in objects if found["kind"] in kinds]


def named(objects: list[Object], kind: str, name: str) -> Object:
    """The one object of this kind and name."""
    (found,) = (one for one in of_kind(objects, kind) if one["metadata"]["name"] == name)
    return found


def pods(objects: list[Object]) -> list[tuple[str, Object]]:
    """The name of each workload, and the template of its pods."""
    kinds = ("StatefulSet", "Deployment", "Job")
    return [(one["metadata"]["name"], one["spec"]["template"]) for one in of_kind(objects, *kinds)]


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes something with these labels."""
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def ours(objects: list[Object]) -> Iterator[tuple[str, Object, Object]]:
    """Workload, spec of its pods, container: those that run streamproc."""
    for name, template in pods(objects):
        for container in template["spec"]["containers"]:
            if "streamproc" in container["image"].partition(":")[0]:
                yield name, template["spec"], container


def environment(objects: list[Object], workload: str, container: Object) -> dict[str, str]:
    """The variables of a container of the first pod."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        (settings,) = (
            one["data"]
            for one in of_kind(objects, "ConfigMap")
            if one["metadata"]["name"] == source["configMapRef"]["name"]
        )
        found |= settings
    for variable in container.get("env", []):
        if "valueFrom" in variable:
            assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
            found[variable["name"]] = f"{workload}-0"
        else:
            found[variable["name"]] = variable["value"]
    return found


def secret_keys(variables: Mapping[str, str], spec: Object, container: Object) -> dict[str, str]:
    """Variable → key of the Secret, of those that name a file of a mounted Secret."""
    secrets = {volume["name"] for volume in spec["volumes"] if "secret" in volume}
    folders = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in secrets]
    return {
        name: value.removeprefix(f"{folder}/")
        for name, value in variables.items()
        for folder in folders
        if name.endswith("_FILE") and value.startswith(f"{folder}/")
    }
