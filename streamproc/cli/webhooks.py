"""`streamproc webhooks`: deliver signals by signed POSTs, and see how that goes."""

import asyncio
import os
import secrets
import sys
from typing import Any, Final

import click
import orjson
import structlog
from rich.console import Console
from rich.markup import escape

from streamproc.cli.logs import set_up_logs
from streamproc.cli.webhooks_resend import resend_command
from streamproc.clock import monotonic_s, wall_ms
from streamproc.contracts.instants import to_iso
from streamproc.contracts.printable import printable, printable_json
from streamproc.errors import StreamprocError
from streamproc.settings import Settings, load_settings, misspelt
from streamproc.sinks.webhook.endpoint import (
    campaigns_of,
    doubts,
    group_of,
    host_of,
    journal_of,
    post_of,
)
from streamproc.sinks.webhook.journal import DeadLetter
from streamproc.sinks.webhook.message import EVENTS, Message
from streamproc.sinks.webhook.program import run_webhooks
from streamproc.sinks.webhook.schedule import Answer, Result
from streamproc.sinks.webhook.signing import headers, parse_secrets

#: What `--events` may name: the last words of the events.
_EVENTS: Final = {event.split()[-1].lower(): event for event in EVENTS}
_DEAD_SHOWN: Final = 10
#: What to do about an answer to `check`.
_FIXES: Final[dict[Result, str]] = {
    "gone": "410 would disable the receiver: let it answer 2xx if it wants webhooks",
    "3xx": "redirects are not followed: set STREAMPROC_WEBHOOK_URL to where it leads",
    "4xx": "is the path right, and does the receiver verify with the same secret?",
    "timeout": "let the receiver answer first and work afterwards, or raise STREAMPROC_WEBHOOK_TIMEOUT_MS",
    "certificate": "the certificate must be valid, for this name, and of a CA that the system trusts",
    "address": "STREAMPROC_WEBHOOK_ALLOW_PRIVATE=yes allows receivers in a network of your own",
    "connection": "does it run, and is STREAMPROC_WEBHOOK_URL right?",
}
_FIX: Final = "see the receiver's log"


@click.group("webhooks", invoke_without_command=True)
@click.option(
    "--events",
    default="requested",
    show_default=True,
    metavar="LIST",
    help=f"Which signals, separated by commas: {', '.join(_EVENTS)}.",
)
@click.pass_context
def webhooks_group(context: click.Context, events: str) -> None:
    """Deliver the signals of actions.reactivation by signed POSTs, until stopped (Ctrl-C or SIGTERM).

    A program of its own beside the workers. It needs STREAMPROC_WEBHOOK_URL and STREAMPROC_WEBHOOK_SECRET, Kafka and
    Redis. On a worker's machine give it another STREAMPROC_HTTP_PORT. STREAMPROC_WEBHOOK_CAMPAIGNS names the campaigns
    that the receiver gets, if not all.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(os.environ)
    wanted = parse_events(events)
    set_up_logs(settings.log_format, settings.log_level)
    log = structlog.get_logger("streamproc")
    for variable, meant in misspelt(os.environ).items():
        log.warning("a variable is not read", variable=variable, fix=f"did you mean {meant}?")
    log.info(
        "webhooks start",
        kafka=settings.kafka,
        group=group_of(settings),
        receiver=host_of(settings),
        events=wanted,
        campaigns=list(campaigns_of(settings)) or "all",
    )
    for doubt in doubts(settings):
        log.warning("campaigns of the receiver are in doubt", doubt=doubt)
    asyncio.run(run_webhooks(settings, wanted))
    log.info("webhooks ended")


def parse_events(text: str) -> list[str]:
    """The events of a list such as `requested,ended`. Raises StreamprocError."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in _EVENTS]
    if unknown or not names:
        raise StreamprocError(
            f"--events {text!r} names {', '.join(map(repr, unknown)) or 'nothing'}",
            fix=f"use {', '.join(_EVENTS)}, separated by commas",
        )
    return [_EVENTS[name] for name in dict.fromkeys(names)]


@webhooks_group.command("check")
def check_command() -> None:
    """Send a signed test message to the receiver, once, and show what it answers, and which campaigns it gets.

    It needs neither Kafka nor Redis. Exit code 1 if the answer is not 2xx.
    """
    settings = load_settings(os.environ)
    console = Console(highlight=False)
    campaigns = ", ".join(campaigns_of(settings)) or "all"
    console.print(f"campaigns  {escape(printable(campaigns))}", soft_wrap=True)
    for doubt in doubts(settings):
        console.print(f"[yellow]warning:[/] {escape(printable(doubt))}", soft_wrap=True)
    begin_s = monotonic_s()
    id_, answer = asyncio.run(_check(settings))
    took_ms = (monotonic_s() - begin_s) * 1000
    colour = "green" if answer.delivered else "red"
    console.print(f"webhook-id {id_} to {escape(host_of(settings))}", soft_wrap=True)
    console.print(f"[{colour}]{escape(printable(answer.detail))}[/] after {took_ms:,.0f} ms", soft_wrap=True)
    if not answer.delivered:
        console.print(f"[bold green]fix:[/] {_FIXES.get(answer.result, _FIX)}", soft_wrap=True)
        sys.exit(1)


async def _check(settings: Settings) -> tuple[str, Answer]:
    keys = parse_secrets(settings.webhook_secret)
    id_, now_ms = secrets.token_hex(16), wall_ms()
    body = orjson.dumps(
        {
            "type": "track",
            "event": "Webhook Checked",
            "messageId": id_,
            "timestamp": to_iso(now_ms),
            "properties": {"reason": "streamproc webhooks check: do nothing"},
        }
    )
    async with post_of(settings) as post:
        return id_, await post.send(body, headers(keys, id_, body, now_ms))


@webhooks_group.command("enable")
def enable_command() -> None:
    """Send again to a receiver that has answered 410 Gone. What waits for it is sent within seconds."""
    settings = load_settings(os.environ)

    async def enable() -> bool:
        async with journal_of(settings) as journal:
            return await journal.enable()

    click.echo("enabled" if asyncio.run(enable()) else "it was not disabled")


@webhooks_group.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status_command(as_json: bool) -> None:
    """Show what waits, since when and why, what was given up, and whether the receiver is disabled."""
    status = asyncio.run(_status(load_settings(os.environ)))
    if as_json:
        click.echo(printable_json(orjson.dumps(status, option=orjson.OPT_INDENT_2)))
    else:
        print_status(Console(highlight=False), status)


async def _status(settings: Settings) -> dict[str, Any]:
    """As `--json` prints it."""
    async with journal_of(settings) as journal:
        partitions = await journal.partitions()
        waiting = [message for partition in partitions async for message in journal.pending(partition)]
        disabled, dead = await journal.disabled(), await journal.dead()
    failing = [message for message in waiting if message.attempts]
    return {
        "receiver": host_of(settings),
        "name": settings.webhook_name or None,
        "campaigns": list(campaigns_of(settings)) or None,
        "disabled": disabled and {"since": to_iso(disabled.since_ms), "answer": disabled.detail},
        "waiting": len(waiting),
        "failing": len(failing),
        "oldest_at": to_iso(min(message.read_ms for message in waiting)) if waiting else None,
        "next_attempt_at": to_iso(min(message.next_ms for message in failing)) if failing else None,
        "next_to_fail": [_as_dict(message) for message in sorted(failing, key=_by_attempts)[:_DEAD_SHOWN]],
        "read_to": {str(partition): at for partition, at in partitions.items()},
        "given_up": [_letter_as_dict(letter) for letter in dead],
    }


def _by_attempts(message: Message) -> tuple[int, int]:
    return -message.attempts, message.ends_ms


def _as_dict(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "customer": message.customer.decode(errors="replace"),
        "attempts": message.attempts,
        "last": message.last,
        "next_attempt_at": to_iso(message.next_ms),
        "ends_at": to_iso(message.ends_ms),
    }


def _letter_as_dict(letter: DeadLetter) -> dict[str, Any]:
    message = letter.message
    return {
        "id": message.id,
        "customer": message.customer.decode(errors="replace"),
        "given_up_at": to_iso(letter.given_up_ms),
        "reason": letter.reason,
        "attempts": message.attempts,
        "last": message.last,
        "partition": letter.partition,
        "offset": message.offset,
    }


def print_status(console: Console, status: dict[str, Any]) -> None:
    """The status for people."""

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, highlight=False)

    def plain(text: object) -> str:
        return escape(printable(str(text)))

    say(f"receiver   {plain(status['receiver'])}{plain(f' ({name})') if (name := status['name']) else ''}")
    if status["campaigns"]:
        say(f"campaigns  {plain(', '.join(status['campaigns']))}")
    if disabled := status["disabled"]:
        say(f"[bold red]disabled[/]   since {disabled['since']}: {plain(disabled['answer'])}")
        say("           streamproc webhooks enable sends again")
    oldest = f", the oldest since {status['oldest_at']}" if status["oldest_at"] else ""
    say(f"waiting    {status['waiting']:,}{oldest}")
    if status["failing"]:
        attempt = "" if disabled else f", next attempt at {status['next_attempt_at']}"
        say(f"failing    {status['failing']:,}{attempt}")
    for message in status["next_to_fail"]:
        say(
            f"  {message['id']}  {plain(message['customer'])}  {message['attempts']} attempts, until "
            f"{message['ends_at']}: {plain(message['last'])}"
        )
    dead = status["given_up"]
    hint = ": streamproc webhooks resend" if dead else ""
    say(f"given up   {f'{len(dead):,} of the newest 1,000' if dead else 'none'}{hint}")
    for letter in dead[-_DEAD_SHOWN:]:
        say(
            f"  {letter['id']}  {plain(letter['customer'])}  {letter['reason']} at {letter['given_up_at']}, "
            f"{letter['attempts']} attempts: {plain(letter['last'] or 'never sent')}"
        )


webhooks_group.add_command(resend_command)
