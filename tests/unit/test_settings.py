"""Settings come from the environment, and mistakes in it are named."""

from pathlib import Path

import pytest

from streamproc.errors import StreamprocError
from streamproc.settings import Settings, load_settings


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
