"""Settings come from the environment, and mistakes in it are named."""

from pathlib import Path

import pytest
from rich.pretty import pretty_repr

from streamproc.errors import StreamprocError
from streamproc.settings import Settings, load_settings, misspelt


def test_defaults_need_no_environment() -> None:
    assert load_settings({}) == Settings()


def test_variables_are_read_and_converted() -> None:
    settings = load_settings(
        {"STREAMPROC_KAFKA": "a:1,b:2", "STREAMPROC_HTTP_PORT": "0", "STREAMPROC_CLOCK": "event"}
    )
    assert (settings.kafka, settings.http_port, settings.clock) == ("a:1,b:2", 0, "event")


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "redis"
    secret.write_text("rediss://user:secret@host:6380/0\n")
    assert load_settings({"STREAMPROC_REDIS_FILE": str(secret)}).redis == "rediss://user:secret@host:6380/0"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"STREAMPROC_CLOCK": "wall"}, "STREAMPROC_CLOCK='wall'.*live"),
        ({"STREAMPROC_HTTP_PORT": "http"}, "STREAMPROC_HTTP_PORT='http'"),
        ({"STREAMPROC_HTTP_PORT": "70000"}, "STREAMPROC_HTTP_PORT='70000'"),
        ({"STREAMPROC_CHUNK_RECORDS": "0"}, "STREAMPROC_CHUNK_RECORDS='0'"),
        ({"STREAMPROC_REDIS_FILE": "/no/such/file"}, "STREAMPROC_REDIS_FILE='/no/such/file'"),
    ],
)
def test_mistakes_name_the_variable(environment: dict[str, str], says: str) -> None:
    with pytest.raises(StreamprocError, match=f"(?s){says}"):
        load_settings(environment)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(
        StreamprocError, match=r"STREAMPROC_CLOCK='wall'.*STREAMPROC_HTTP_PORT='http'"
    ) as told:
        load_settings({"STREAMPROC_CLOCK": "wall", "STREAMPROC_HTTP_PORT": "http"})
    assert told.value.fix == "use one of 'live', 'event'; correct or unset the variable"


def test_a_worker_with_a_name_has_a_longer_session() -> None:
    """It is expected back; unless somebody says how long."""
    named = {"STREAMPROC_INSTANCE": "worker-0"}
    assert load_settings({}).member_session_ms == 10_000
    assert load_settings(named).member_session_ms == 45_000
    assert load_settings({**named, "STREAMPROC_SESSION_TIMEOUT_MS": "30000"}).member_session_ms == 30_000


@pytest.mark.parametrize("name", ["a b", "a/b", "x" * 250])
def test_a_name_that_kafka_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(StreamprocError, match="STREAMPROC_INSTANCE"):
        load_settings({"STREAMPROC_INSTANCE": name})


def test_a_misspelt_variable_is_noticed() -> None:
    """But not what Kubernetes makes for a service called streamproc, or what is not ours."""
    environment = {
        "STREAMPROC_TOPIC_PREFX": "a.",
        "STREAMPROC_KAFKA_PASWORD_FILE": "/x",
        "STREAMPROC_REDIS": "redis://h",
        "STREAMPROC_SERVICE_HOST": "10.0.0.1",
        "STREAMPROC_PORT_6066_TCP": "tcp://10.0.0.1:6066",
        "STREAMPROC_TEST_KAFKA": "h:1",
        "KAFKA": "h:1",
    }
    assert misspelt(environment) == {
        "STREAMPROC_TOPIC_PREFX": "STREAMPROC_TOPIC_PREFIX",
        "STREAMPROC_KAFKA_PASWORD_FILE": "STREAMPROC_KAFKA_PASSWORD_FILE",
    }


def test_secrets_are_not_shown() -> None:
    """Neither by repr, which tracebacks and debug logs use, nor by rich; what is not secret is."""
    secrets = (
        "kafka_password",
        "kafka_key",
        "kafka_key_password",
        "redis",
        "http_token",
        "webhook_url",
        "webhook_secret",
    )
    settings = load_settings(
        {"STREAMPROC_GROUP": "mine", **{f"STREAMPROC_{name.upper()}": "hush" for name in secrets}}
    )
    for shown in (repr(settings), str(settings), pretty_repr(settings), f"{[settings]}"):
        assert "hush" not in shown
        assert "group='mine'" in shown
        assert all(f"{name}='(hidden)'" in shown for name in secrets)


def test_a_file_that_holds_no_text_is_not_shown(tmp_path: Path) -> None:
    """The error of the decoder would carry what is in it."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"hush\xff")
    with pytest.raises(StreamprocError, match=r"STREAMPROC_HTTP_TOKEN_FILE=.*UTF-8") as refusal:
        load_settings({"STREAMPROC_HTTP_TOKEN_FILE": str(secret)})
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def test_a_variable_and_its_file_exclude_each_other(tmp_path: Path) -> None:
    """One of them is a leftover, and nobody can tell which."""
    with pytest.raises(StreamprocError, match="both STREAMPROC_REDIS and STREAMPROC_REDIS_FILE are set"):
        load_settings({"STREAMPROC_REDIS": "redis://one", "STREAMPROC_REDIS_FILE": str(tmp_path / "two")})


def test_a_session_is_half_an_hour_at_most() -> None:
    """As brokers have it by default: one that refuses it leaves the worker outside of the group."""
    longest = {"STREAMPROC_SESSION_TIMEOUT_MS": "1800000"}
    assert load_settings(longest).member_session_ms == 1_800_000
    with pytest.raises(StreamprocError, match=r"SESSION_TIMEOUT_MS='1800001' is not valid.*1800000"):
        load_settings({"STREAMPROC_SESSION_TIMEOUT_MS": "1800001"})
