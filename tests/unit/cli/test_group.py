"""The commands of `streamproc`."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from streamproc.cli.group import group


def test_every_command_can_be_had() -> None:
    context = click.Context(group)
    names = group.list_commands(context)
    assert len(names) > 15
    assert [getattr(group.get_command(context, name), "name", None) for name in names] == names


def test_one_that_does_not_exist_is_named() -> None:
    result = CliRunner().invoke(group, ["backtests"])
    assert result.exit_code == 2
    assert "No such command 'backtests'" in result.output


@pytest.mark.parametrize("command", ["backtest", "score", "validate"])
def test_a_command_imports_no_more_than_it_needs(command: str) -> None:
    code = (
        "import sys; from click import Context; from streamproc.cli.group import group;"
        f"group.get_command(Context(group), {command!r});"
        "sys.exit(any(name in sys.modules for name in ('faust', 'aiohttp', 'streamproc.cli.worker')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
