"""`streamproc rebuild`: what is wrong is said before anything is done."""

import pytest
from click.testing import CliRunner

from streamproc.cli.rebuild import rebuild_command
from streamproc.errors import StreamprocError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--after", "streamproc"], "streamproc cannot take over from itself"),
        (["--group", "green", "--after", "green"], "green cannot take over from itself"),
        (["--until", "yesterday"], "'yesterday' is not an ISO 8601 time"),
        (["--from", "2026-01-01T10:00:00"], "has no UTC offset"),
    ],
)
def test_a_mistake_in_the_call(arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAMPROC_GROUP", raising=False)
    result = CliRunner().invoke(rebuild_command, arguments)
    assert isinstance(result.exception, StreamprocError)
    assert message in result.exception.message
    assert result.exception.fix
