"""deploy/Dockerfile and .dockerignore, without Docker. (Its style: hadolint, in `make deploy-lint`.)

That what is copied builds and runs was tried by hand, as docs/production.md says: it takes minutes.
"""

import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from streamproc.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
#: One a line, with what is behind a backslash, and without comments.
INSTRUCTIONS = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()
IGNORED = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def arguments(instruction: str) -> list[str]:
    """Of every instruction of this name."""
    return [
        line.removeprefix(f"{instruction} ") for line in INSTRUCTIONS if line.startswith(f"{instruction} ")
    ]


def sent(path: str) -> bool:
    """Whether .dockerignore lets a path through: the last line that fits it, or a folder above it, decides."""
    parts = path.split("/")
    above = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    through = True
    for line in IGNORED:
        pattern = line.removeprefix("!")
        names = [part.split("/")[-1] for part in above] if pattern.startswith("**/") else above
        if any(fnmatch(name, pattern.removeprefix("**/")) for name in names):
            through = line.startswith("!")
    return through


def test_what_is_copied_is_there_and_sent() -> None:
    copied = [source for line in arguments("COPY") if "--from" not in line for source in line.split()[:-1]]
    assert "streamproc" in copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert sent(source), source


def test_nothing_else_is_sent() -> None:
    """Neither what is built here nor what is secret there."""
    for path in (".git/config", ".venv/bin/python", ".env", "tests/conftest.py", "deploy/Dockerfile"):
        assert not sent(path), path
    assert not sent("streamproc/windows/fold.cpython-311-x86_64-linux-gnu.so")
    assert not sent("streamproc/__pycache__/app.cpython-311.pyc")


def test_the_package_is_complete() -> None:
    """Every file of it that is not code is sent, and named in pyproject.toml: else a wheel is without it."""
    code = {".py", ".pyx", ".pxd", ".pyc", ".so"}
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    data = [path for path in (ROOT / "streamproc").rglob("*") if path.is_file() and path.suffix not in code]
    assert data
    for path in data:
        assert sent(str(path.relative_to(ROOT))), path
        assert any(
            fnmatch(path.name, p) or fnmatch(f"{path.parent.name}/{path.name}", p) for p in patterns
        ), path


def test_both_stages_have_one_python() -> None:
    """The environment's Python is a link to that of the image in which it was made."""
    images = {line.split()[0] for line in arguments("FROM")}
    (image,) = images
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", image)


def test_uv_is_the_one_that_locks() -> None:
    (version,) = re.findall(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert f"uv=={version}" in DOCKERFILE


def test_it_runs_as_nobody_and_hears_signals() -> None:
    """User by number, so that Kubernetes can see it is not root; no shell before the worker."""
    (user,) = arguments("USER")
    assert all(int(part) > 0 for part in user.split(":"))
    assert [json.loads(line) for line in arguments("ENTRYPOINT")] == [["streamproc"]]
    assert [json.loads(line) for line in arguments("CMD")] == [["worker"]]
    assert arguments("EXPOSE") == [str(Settings().http_port)]


def test_the_health_check_is_the_one_that_is_tested() -> None:
    (check,) = arguments("HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    assert command[-1] == next(line.split()[-1] for line in arguments("COPY") if "healthcheck" in line)
    assert command[:-1] == ["python", "-I", "-S"]


@pytest.mark.parametrize("name", ["version", "title", "licenses"])
def test_labels(name: str) -> None:
    wanted = {
        "version": PROJECT["project"]["version"],
        "title": "streamproc",
        "licenses": PROJECT["project"]["license"],
    }
    assert f"org.opencontainers.image.{name}={wanted[name]}" in DOCKERFILE
