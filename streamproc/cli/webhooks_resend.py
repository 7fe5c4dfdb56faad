"""`streamproc webhooks resend`: what was given up, once more."""

import asyncio
import os
import sys
from collections.abc import Collection
from typing import Final

import click
from rich.console import Console
from rich.markup import escape

from streamproc.cli.failed import parse_since
from streamproc.contracts.instants import to_iso
from streamproc.contracts.printable import printable
from streamproc.errors import StreamprocError
from streamproc.settings import Settings, load_settings
from streamproc.sinks.webhook.endpoint import journal_of, post_of
from streamproc.sinks.webhook.journal import DeadLetter, Journal
from streamproc.sinks.webhook.resend import Resent, resend
from streamproc.sinks.webhook.signing import parse_secrets

Letters = list[tuple[bytes, DeadLetter]]

_LIST: Final = "streamproc webhooks status --json lists what was given up"


@click.command("resend")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All that were given up: the newest 1,000 are kept.")
@click.option(
    "--since", metavar="TIME", help="Those given up since then: 24h, 2026-01-31, 2026-01-31T12:00:00Z."
)
@click.option("--expired", is_flag=True, help="Also those whose action has expired since.")
def resend_command(ids: tuple[str, ...], every: bool, since: str | None, expired: bool) -> None:
    """Send again what was given up: each message once, the oldest first, under its old webhook-id.

    What the receiver takes is given up no more. A receiver that fails as a whole is not asked further. Exit code 1 if
    something that was sent did not arrive.
    """
    if bool(ids) + every + (since is not None) != 1:
        raise StreamprocError(
            "say what to send again, in one way", fix=f"name ids, or use --all or --since; {_LIST}"
        )
    settings, since_ms = load_settings(os.environ), parse_since(since)
    console = Console(highlight=False)
    wanted, done = asyncio.run(_resend(settings, ids, since_ms, expired, console))
    sent = [each.answer for each in done if each.answer is not None]
    arrived = sum(answer.delivered for answer in sent)
    over, left = len(done) - len(sent), wanted - len(done)
    parts = [f"{arrived:,} delivered"]
    parts += [f"{len(sent) - arrived:,} failed"] if arrived < len(sent) else []
    parts += [f"{over:,} left out, for their actions have expired (--expired sends them)"] if over else []
    parts += [f"{left:,} not tried any more: the receiver fails"] if left else []
    console.print("; ".join(parts), soft_wrap=True)
    if arrived < len(sent):
        sys.exit(1)


async def _resend(
    settings: Settings, ids: Collection[str], since_ms: int, expired: bool, console: Console
) -> tuple[int, list[Resent]]:
    """How many messages were to be sent, and what came of them; each is told at once."""
    keys, done = parse_secrets(settings.webhook_secret), []
    async with journal_of(settings) as journal, post_of(settings) as post:
        letters = await _choose(journal, ids, since_ms)
        async for each in resend(letters, post, journal, keys, expired_too=expired):
            done.append(each)
            _tell(console, each)
    return len({letter.message.id for _, letter in letters}), done


async def _choose(journal: Journal, ids: Collection[str], since_ms: int) -> Letters:
    if disabled := await journal.disabled():
        raise StreamprocError(
            f"the receiver wants no webhooks since {to_iso(disabled.since_ms)}: {disabled.detail}",
            fix="streamproc webhooks enable, once it does again",
        )
    letters = [
        (entry, letter) for entry, letter in await journal.dead_entries() if letter.given_up_ms >= since_ms
    ]
    known = {letter.message.id for _, letter in letters}
    if unknown := [id_ for id_ in dict.fromkeys(ids) if id_ not in known]:
        raise StreamprocError(
            f"no webhook that was given up has the id {', '.join(unknown)}", fix=f"{_LIST}, the newest 1,000"
        )
    return [(entry, letter) for entry, letter in letters if not ids or letter.message.id in ids]


def _tell(console: Console, resent: Resent) -> None:
    message, answer = resent.letter.message, resent.answer
    colour, said = "yellow", "expired, not sent"
    if answer is not None:
        colour, said = "green" if answer.delivered else "red", printable(answer.detail)
    customer = printable(message.customer.decode(errors="replace"))
    console.print(f"{message.id}  {escape(customer)}  [{colour}]{escape(said)}[/]", soft_wrap=True)
