"""`streamproc campaigns`: what reactivation campaigns do, what they would do, and what came of them."""

import click

from streamproc.cli.campaigns_control import dry_command, pause_command, release_command, resume_command
from streamproc.cli.campaigns_report import report_command
from streamproc.cli.campaigns_rules import lint_command, list_command
from streamproc.cli.campaigns_simulate import simulate_command


@click.group("campaigns")
def campaigns_group() -> None:
    """Look at reactivation campaigns, try them, hold them back, and see what came of them."""


for _command in (
    lint_command,
    list_command,
    simulate_command,
    pause_command,
    resume_command,
    dry_command,
    release_command,
    report_command,
):
    campaigns_group.add_command(_command)
