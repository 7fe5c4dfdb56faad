"""`streamproc failed`: the events that were refused, why, and how to send them again."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streamproc.cli.worker import parse_instant
from streamproc.clock import wall_ms
from streamproc.contracts.failed import Source
from streamproc.contracts.failures import REASONS, FailureReason
from streamproc.contracts.instants import to_iso
from streamproc.contracts.printable import printable, printable_json
from streamproc.errors import StreamprocError
from streamproc.rules.literals import LiteralError, parse_duration
from streamproc.settings import load_settings
from streamproc.transport.brokers import brokers_of
from streamproc.transport.replay import Filter, Refusal, Replay, read_refusals, replay
from streamproc.transport.topics import Topics

#: So much of an id is shown; so much of it is enough to name it.
_ID_SHOWN: Final = 12
_ID_MIN: Final = 4
_KEY_SHOWN: Final = 24
_RAW_SHOWN: Final = 2_000

_reason = click.option(
    "--reason", type=click.Choice([reason.value for reason in FailureReason]), help="Only this reason."
)
_topic = click.option("--topic", type=click.Choice(Topics().sources), help="Only from this topic.")
_since = click.option(
    "--since",
    metavar="TIME",
    help="Only those refused since then: 24h, 7d, 2026-01-31, 2026-01-31T12:00:00Z.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("failed")
def failed_group() -> None:
    """Look at refused events, and send them again."""


@failed_group.command("list")
@_reason
@_topic
@_since
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show the newest so many."
)
@_json
def list_command(reason: str | None, topic: str | None, since: str | None, limit: int, as_json: bool) -> None:
    """List refused events, the newest last: id, reason, field, and where the record stands in Kafka."""
    wanted = Filter(reason=reason, topic=topic, since_ms=parse_since(since))
    refusals = _read(wanted)
    shown = refusals[-limit:]
    if as_json:
        _print_json([_as_dict(refusal) for refusal in shown])
    else:
        print_list(Console(), shown, refusals)


@failed_group.command("show")
@click.argument("failed_id")
@_json
def show_command(failed_id: str, as_json: bool) -> None:
    """Show one refused event: what is wrong, what to send instead, and what it held.

    The first characters of the id are enough.
    """
    refusal = only(_read(Filter()), failed_id)
    if as_json:
        click.echo(printable_json(refusal.envelope))
    else:
        print_refusal(Console(), refusal)


@failed_group.command("replay")
@_reason
@_topic
@_since
@click.option("--id", "ids", multiple=True, metavar="ID", help="Only this one; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Find the records, send nothing.")
@_json
def replay_command(
    *,
    reason: str | None,
    topic: str | None,
    since: str | None,
    ids: Sequence[str],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send refused events again: the original records, with their keys, to the topics they came from.

    Worth it once what was wrong is gone: a clock, an event meaning, a worker's version. The records are read
    from their topics: those that Kafka no longer keeps cannot be sent again. If the replay of a record was
    refused as well, only the later one is sent. An event whose replay was accepted is recognised by its
    messageId when it is sent once more, but only for 24 hours.

    Exit code 1 if some records are gone.
    """
    refusals = _read(Filter(reason=reason, topic=topic, since_ms=parse_since(since)))
    if ids:
        refusals = [only(refusals, failed_id) for failed_id in dict.fromkeys(ids)]
    settings = load_settings(os.environ)
    done = asyncio.run(replay(brokers_of(settings), settings.topic_prefix, refusals, dry_run=dry_run))
    if as_json:
        _print_json(_replay_as_dict(done, dry_run))
    else:
        _print_replay(Console(), done, dry_run)
    if done.gone:
        sys.exit(1)


def _read(wanted: Filter) -> list[Refusal]:
    settings = load_settings(os.environ)
    refusals, unreadable = asyncio.run(read_refusals(brokers_of(settings), settings.topic_prefix, wanted))
    if unreadable:
        click.echo(f"{unreadable:,} records of events.failed are not of this version and left out", err=True)
    return refusals


def parse_since(text: str | None) -> int:
    """Epoch ms of a time, or of so long ago; 0 for None. Raises StreamprocError."""
    if text is None:
        return 0
    try:
        return wall_ms() - parse_duration(text)
    except LiteralError:
        pass
    try:
        return parse_instant(text)
    except StreamprocError as error:
        raise StreamprocError(
            f"{text!r} is neither a duration nor a time",
            fix="write it like 24h, 7d, 2026-01-31 or 2026-01-31T12:00:00Z",
        ) from error


def only(refusals: Sequence[Refusal], failed_id: str) -> Refusal:
    """The one whose id starts so. Raises StreamprocError."""
    found = [refusal for refusal in refusals if refusal.data.id.startswith(failed_id.lower())]
    if len(failed_id) < _ID_MIN or len(found) > 1:
        raise StreamprocError(
            f"{failed_id!r} is not enough of an id",
            fix=f"give more of its characters, {_ID_MIN} at least; streamproc failed list shows them",
        )
    if not found:
        raise StreamprocError(f"there is no failed event {failed_id!r}", fix="see: streamproc failed list")
    return found[0]


# -- what is shown


def _print_json(value: object) -> None:
    click.echo(printable_json(orjson.dumps(value, option=orjson.OPT_INDENT_2)))


def _as_dict(refusal: Refusal) -> dict[str, Any]:
    """Everything but what the record held."""
    data = refusal.data
    return {
        "id": data.id,
        "failed_at": to_iso(refusal.at_ms),
        "reason": data.failure.reason,
        "field": data.failure.field,
        "message": data.failure.message,
        "topic": data.source.topic,
        "partition": data.source.partition,
        "offset": data.source.offset,
        "key": data.source.key,
        "key_encoding": data.source.key_encoding,
    }


def _replay_as_dict(done: Replay, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "replayed": [_as_dict(refusal) for refusal in done.sent],
        "gone": [_as_dict(refusal) for refusal in done.gone],
        "replayed_before": [_as_dict(refusal) for refusal in done.sent_before],
    }


def print_list(console: Console, shown: Sequence[Refusal], refusals: Sequence[Refusal]) -> None:
    """Those that are shown, in a table, and how many there are of each reason."""
    if not refusals:
        console.print("no failed events")
        return
    console.print(_table(shown))
    counts = Counter(refusal.data.failure.reason.value for refusal in refusals)
    console.print(f"\n[bold]{len(refusals):,}[/] failed events", highlight=False)
    for reason, count in counts.most_common():
        console.print(
            f"{count:>9,} [red]{reason}[/] [dim]{REASONS[FailureReason(reason)][0]}[/]", highlight=False
        )
    if len(shown) < len(refusals):
        console.print(f"[dim]the newest {len(shown):,} are shown: --limit shows more[/]", highlight=False)


def _cut(key: str) -> str:
    """A key as it fits beside the other columns: a long one must not take their place."""
    return key if len(key) <= _KEY_SHOWN else key[: _KEY_SHOWN - 1] + "…"


def _plain(text: str) -> str:
    """What others wrote, as markup that prints as it is."""
    return escape(printable(text))


def _table(refusals: Sequence[Refusal]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column, least in (("id", _ID_SHOWN), ("reason", 13), ("field", 10), ("source", 16), ("key", 6)):
        table.add_column(
            column, min_width=least, overflow="fold" if column == "source" else "ellipsis", no_wrap=True
        )
    for refusal in refusals:
        data = refusal.data
        table.add_row(
            data.id[:_ID_SHOWN],
            f"[red]{data.failure.reason}[/]",
            _plain(data.failure.field),
            _plain(_place(refusal)),
            _plain(_cut(data.source.key or "")),
        )
    return table


def _place(refusal: Refusal) -> str:
    source = refusal.data.source
    return f"{source.topic}/{source.partition}/{source.offset}"


def print_refusal(console: Console, refusal: Refusal) -> None:
    """Everything there is to know about one."""
    data = refusal.data
    console.print(f"[bold red]{data.failure.reason}[/] at {_plain(data.failure.field)}", highlight=False)
    console.print(_plain(data.failure.message), highlight=False, soft_wrap=True)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    payload = data.payload
    for name, value in (
        ("id", data.id),
        ("refused", to_iso(refusal.at_ms)),
        ("source", _place(refusal)),
        ("key", _key(data.source)),
        ("sent", to_iso(data.source.timestamp_ms) + " by the record's Kafka timestamp"),
        ("size", f"{payload.bytes:,} bytes, SHA-256 {payload.sha256}"),
        ("by", f"{data.processor.name} {data.processor.version}"),
    ):
        table.add_row(name, _plain(value))
    console.print()
    console.print(table)
    cut = len(payload.raw) > _RAW_SHOWN or payload.truncated
    console.print(f"\n[dim]what it held ({payload.encoding}{', cut' if cut else ''}):[/]", highlight=False)
    console.print(escape(printable(payload.raw[:_RAW_SHOWN], keep="\n\t")), highlight=False, soft_wrap=True)
    console.print(
        f"\n[dim]send it again: streamproc failed replay --id {data.id[:_ID_SHOWN]}[/]", highlight=False
    )


def _key(source: Source) -> str:
    if source.key is None:
        return "none"
    return f"{source.key} (base64)" if source.key_encoding == "base64" else source.key


def _print_replay(console: Console, done: Replay, dry_run: bool) -> None:
    verb = "would be sent again" if dry_run else "sent again"
    console.print(f"[bold]{len(done.sent):,}[/] {verb}", highlight=False)
    if done.sent_before:
        console.print(
            f"{len(done.sent_before):,} left out: sent again before, and refused again", highlight=False
        )
    if done.gone:
        console.print(f"[red]{len(done.gone):,} gone[/]: Kafka no longer has these records", highlight=False)
        console.print(_table(done.gone))
