"""`streamproc campaigns`: what reactivation campaigns do, and what came of them."""

import click

from streamproc.cli.campaigns_report import report_command


@click.group("campaigns")
def campaigns_group() -> None:
    """Look at reactivation campaigns, and at what came of them."""


campaigns_group.add_command(report_command)
