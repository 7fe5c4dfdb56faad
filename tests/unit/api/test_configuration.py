"""What is in force, without secrets."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from streamproc.api.configuration import describe_definitions, shown_settings, without_credentials
from streamproc.errors import StreamprocError
from streamproc.rules.cutoff_values import encode_cutoffs
from streamproc.settings import Settings, load_settings
from tests.unit.api.customers import SMALL_FILE
from tests.unit.rules.test_cutoffs import RULES, values


def shown(environment: dict[str, str]) -> dict[str, tuple[Any, str, str | None]]:
    return {item.name: (item.value, item.source, item.file) for item in shown_settings(environment)}


def test_every_setting_is_shown_with_its_variable() -> None:
    items = shown_settings({})
    assert [item.name for item in items] == [field.name for field in msgspec.structs.fields(Settings)]
    assert {item.source for item in items} == {"default"}
    assert items[0].variable == "STREAMPROC_KAFKA"


def test_where_values_come_from(tmp_path: Path) -> None:
    """A value that is set to the default comes from the environment all the same."""
    token = tmp_path / "token"
    token.write_text("hush\n")
    found = shown({"STREAMPROC_GROUP": "streamproc", "STREAMPROC_HTTP_TOKEN_FILE": str(token)})
    assert found["group"] == ("streamproc", "environment", None)
    assert found["http_token"] == ("(hidden)", "file", str(token))
    assert found["clock"] == ("live", "default", None)


def test_no_secret_is_shown() -> None:
    secrets = ("kafka_password", "kafka_key", "kafka_key_password", "redis", "http_token")
    environment = {f"STREAMPROC_{name.upper()}": "hush" for name in secrets}
    environment["STREAMPROC_KAFKA"] = "kafka://me:hush@broker:9092"
    items = shown_settings(environment)
    assert "hush" not in repr(items)
    assert {item.name for item in items if item.value == "(hidden)"} == set(secrets)
    assert items[0].value == "kafka://(hidden)@broker:9092"


def test_an_empty_secret_is_seen_to_be_empty() -> None:
    assert shown({})["kafka_password"] == ("", "default", None)


@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("rediss://me:hush@h:6380/1", "rediss://(hidden)@h:6380/1"),
        ("redis://:hush@h", "redis://(hidden)@h"),
        ("redis://h/0?password=hush", "redis://h/0?(hidden)"),
        ("redis://h/0?password=hu@sh", "(hidden)"),
        ("redis://h/0#hush", "redis://h/0?(hidden)"),
        ("redis://me:hu@sh@h", "(hidden)"),
        ("redis://me:hu/sh@h", "(hidden)"),
        ("redis://me:12?hush@h", "(hidden)"),
        ("redis://me:12#hush@h", "(hidden)"),
        ("redis://me:hush", "(hidden)"),
        ("redis://[me:hush", "(hidden)"),
        ("unix://me:hush@/run/redis.sock?db=1", "unix://(hidden)@/run/redis.sock?(hidden)"),
        ("hush", "(hidden)"),
    ],
)
def test_credentials_are_taken_out_of_urls(url: str, left: str) -> None:
    """Where a password was not quoted, nothing is shown: a part of it could be taken for something else."""
    assert without_credentials(url) == left


def test_mistakes_are_those_of_the_settings() -> None:
    with pytest.raises(StreamprocError, match=r"STREAMPROC_CLOCK='wall'.*STREAMPROC_HTTP_PORT='http'"):
        shown_settings({"STREAMPROC_CLOCK": "wall", "STREAMPROC_HTTP_PORT": "http"})


def test_definitions_in_force() -> None:
    told = describe_definitions(load_settings({"STREAMPROC_RULES": str(SMALL_FILE)}))
    assert told["rules"] | {"fingerprint": ""} == {
        "path": str(SMALL_FILE),
        "fingerprint": "",
        "segments": 7,
        "campaigns": 2,
        "funnels": 0,
        "currency": "USD",
    }
    assert told["model"]["version"] == "cdnow-1"
    assert len(told["fingerprint"]) == len(told["rules"]["fingerprint"]) == 8


def test_definitions_that_cannot_be_used(tmp_path: Path) -> None:
    """Both are looked at."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("segments: [{key: a}]")
    environment = {"STREAMPROC_RULES": str(rules), "STREAMPROC_MODEL": str(tmp_path / "no.json")}
    told = describe_definitions(load_settings(environment))
    assert "missing" in told["rules"]["error"] or "problem" in told["rules"]["error"]
    assert told["rules"]["path"] == str(rules)
    assert "cannot read the churn model" in told["model"]["error"]
    assert told["fingerprint"] is None


def test_cutoffs_are_told_with_the_values_in_force(tmp_path: Path) -> None:
    """And where each comes from; a file that is none is a mistake, for which a worker would not start."""
    (tmp_path / "rules.yaml").write_text(RULES)
    path = tmp_path / "cutoffs.json"
    environment = {"STREAMPROC_RULES": str(tmp_path / "rules.yaml"), "STREAMPROC_CUTOFFS": str(path)}
    fixed = describe_definitions(load_settings(environment))
    assert (fixed["cutoffs"]["version"], fixed["cutoffs"]["values"]["heavy_use"]["source"]) == (None, "fixed")
    path.write_bytes(encode_cutoffs(values(heavy_use="9")))
    told = describe_definitions(load_settings(environment))
    assert told["cutoffs"]["version"] == "cutoffs-1"
    assert told["cutoffs"]["values"]["heavy_use"] == {
        "feature": "sessions_30d", "quantile": 80, "hysteresis": 20, "value": "9", "source": "sampled",
    }  # fmt: skip
    assert told["fingerprint"] != fixed["fingerprint"]
    path.write_text("{")
    wrong = describe_definitions(load_settings(environment))
    assert "not a file of cut-offs" in wrong["cutoffs"]["error"]
    assert wrong["fingerprint"] is None
