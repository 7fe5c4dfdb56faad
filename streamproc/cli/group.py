"""The `streamproc` command: its groups, its exit codes, and how errors look.

Exit codes: 0 done; 1 it failed, or what was checked is bad; 2 a mistake in the call, the settings or an input file.
"""

import sys
from importlib import import_module
from typing import Final

import click
import stamina.instrumentation
import structlog
from rich.console import Console
from rich.markup import escape

from streamproc import __version__
from streamproc.contracts.printable import printable
from streamproc.errors import StreamprocError

_EPILOG = """
\b
Settings come from the environment:
  STREAMPROC_KAFKA         bootstrap servers          (localhost:9092)
  STREAMPROC_REDIS         URL                        (redis://localhost:6379/0)
  STREAMPROC_RULES         rules file                 (the packaged playbook)
  STREAMPROC_CUTOFFS       values of cut-offs         (the fixed ones)
  STREAMPROC_MODEL         churn parameters           (the packaged default)
  STREAMPROC_TOPIC_PREFIX  before every topic name    (none)
  STREAMPROC_GROUP         consumer group             (streamproc)
  STREAMPROC_CLOCK         live or event              (live)
  STREAMPROC_HTTP_PORT     health and metrics; 0: off (6066)

\b
Start with:  streamproc demo
"""

#: The commands: modules beside this one, and what of each is called so.
_COMMANDS: Final = {
    "demo": "demo_command",
    "servers": "servers_command",
    "worker": "worker_command",
    "doctor": "doctor_command",
    "capacity": "capacity_command",
    "config": "config_group",
    "publish": "publish_command",
    "simulate": "simulate_command",
    "validate": "validate_command",
    "topics": "topics_group",
    "profile": "profile_group",
    "segments": "segments_group",
    "campaigns": "campaigns_group",
    "features": "features_command",
    "failed": "failed_group",
    "webhooks": "webhooks_group",
    "state": "state_group",
    "members": "members_group",
    "rebuild": "rebuild_command",
    "backtest": "backtest_command",
    "cutoffs": "cutoffs_command",
    "fit": "fit_command",
    "score": "score_command",
    "discover": "discover_command",
    "schemas": "schemas_command",
}


class _Group(click.Group):
    """Imports a command when it is called: what one of them needs takes others as long as their work."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"streamproc.cli.{cmd_name}"), _COMMANDS[cmd_name])
        return command


@click.group(
    cls=_Group,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="streamproc")
def group() -> None:
    """Customer segments, churn risk and reactivation requests, from events in Kafka, in near real time."""
    # What a command prints must be what was asked for; `worker` sets up logs of its own.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    # Its retries are ours to tell: what waits for Redis says so by itself.
    stamina.instrumentation.set_on_retry_hooks([])


def main() -> None:
    """Run the command line and exit."""
    try:
        group.main(standalone_mode=False)
    except StreamprocError as error:
        console = Console(stderr=True)
        message, fix = (escape(printable(text, keep="\n\t")) for text in (error.message, error.fix))
        console.print(f"[bold red]error:[/] {message}", highlight=False, soft_wrap=True)
        if fix:
            console.print(f"[bold green]fix:[/]   {fix}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
