"""`streamproc worker`: process events until stopped, or up to an instant of history."""

import asyncio
import os
import sys
from datetime import UTC, datetime

import click
import structlog

from streamproc.app import Worker
from streamproc.cli.logs import set_up_logs
from streamproc.errors import StreamprocError
from streamproc.loading import load_definitions
from streamproc.settings import load_settings, misspelt
from streamproc.stopping import UNFINISHED


def parse_instant(text: str) -> int:
    """Epoch ms of an ISO 8601 time; a date alone is its midnight, UTC. Raises StreamprocError."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise StreamprocError(
            f"{text!r} is not an ISO 8601 time", fix="write it like 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from error
    if instant.tzinfo is None:
        if len(text) > len("2026-01-31"):
            raise StreamprocError(f"{text!r} has no UTC offset", fix=f"write {text}Z for UTC")
        instant = instant.replace(tzinfo=UTC)
    return int(instant.timestamp() * 1000)


@click.command("worker")
@click.option(
    "--until",
    metavar="ISO",
    help="Event clock only: drain the topics, move time to this instant, fire what is due, and exit 0.",
)
def worker_command(until: str | None) -> None:
    """Process events from Kafka until stopped (Ctrl-C or SIGTERM end it gracefully).

    Run as many as you like with the same STREAMPROC_GROUP: Kafka spreads the partitions over them.

    \b
    STREAMPROC_CLOCK=event replays history by the events' own times:
      STREAMPROC_CLOCK=event streamproc worker --until 2026-01-31
    """
    settings = load_settings(os.environ)
    if until is not None and settings.clock != "event":
        raise StreamprocError(
            "--until needs the event clock: under the live clock time cannot be moved",
            fix="set STREAMPROC_CLOCK=event",
        )
    until_ms = parse_instant(until) if until is not None else None
    set_up_logs(settings.log_format, settings.log_level)
    definitions = load_definitions(settings)
    log = structlog.get_logger("streamproc")
    ruleset = definitions.ruleset
    for variable, meant in misspelt(os.environ).items():
        log.warning("a variable is not read", variable=variable, fix=f"did you mean {meant}?")
    log.info(
        "worker starts",
        kafka=settings.kafka,
        group=settings.group,
        clock=settings.clock,
        rules=str(ruleset.path or "packaged playbook"),
        segments=len(ruleset.segments),
        model=definitions.model.version,
    )
    if asyncio.run(Worker(settings, definitions, until_ms).run()):
        log.info("worker ended")
    else:
        log.warning(
            "worker ended before its shards were let go; nothing is lost: what is left is done by who gets them"
        )
        sys.exit(UNFINISHED)
