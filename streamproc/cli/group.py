"""The `streamproc` command: its groups, its exit codes, and how errors look.

Exit codes: 0 done; 1 it failed, or what was checked is bad; 2 a mistake in the call, the settings or an input file.
"""

import sys

import click
import stamina.instrumentation
import structlog
from rich.console import Console
from rich.markup import escape

from streamproc import __version__
from streamproc.cli.backtest import backtest_command
from streamproc.cli.config import config_group
from streamproc.cli.cutoffs import cutoffs_command
from streamproc.cli.demo import demo_command
from streamproc.cli.discover import discover_command
from streamproc.cli.doctor import doctor_command
from streamproc.cli.failed import failed_group
from streamproc.cli.features import features_command
from streamproc.cli.fit import fit_command
from streamproc.cli.profile import profile_group
from streamproc.cli.publish import publish_command
from streamproc.cli.schemas import schemas_command
from streamproc.cli.score import score_command
from streamproc.cli.segments import segments_group
from streamproc.cli.servers import servers_command
from streamproc.cli.simulate import simulate_command
from streamproc.cli.state import state_group
from streamproc.cli.topics import topics_group
from streamproc.cli.validate import validate_command
from streamproc.cli.worker import worker_command
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


@click.group(
    epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="streamproc")
def group() -> None:
    """Customer segments, churn risk and reactivation requests, from events in Kafka, in near real time."""
    # What a command prints must be what was asked for; `worker` sets up logs of its own.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    # Its retries are ours to tell: what waits for Redis says so by itself.
    stamina.instrumentation.set_on_retry_hooks([])


for _command in (
    demo_command,
    servers_command,
    worker_command,
    doctor_command,
    config_group,
    publish_command,
    simulate_command,
    validate_command,
    topics_group,
    profile_group,
    segments_group,
    features_command,
    failed_group,
    state_group,
    backtest_command,
    cutoffs_command,
    fit_command,
    score_command,
    discover_command,
    schemas_command,
):
    group.add_command(_command)


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
