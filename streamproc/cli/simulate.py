"""`streamproc simulate`: invented customers, as events in a file or in Kafka."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import IO, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from streamproc.cli.worker import parse_instant
from streamproc.clock import monotonic_s, wall_ms
from streamproc.contracts.instants import to_iso
from streamproc.errors import StreamprocError
from streamproc.rules.load import load_ruleset
from streamproc.settings import load_settings
from streamproc.simulate.lives.delivery import Went, to_file, to_kafka
from streamproc.simulate.lives.faults import Faults, spoilt
from streamproc.simulate.lives.population import Plan, Population, customers_for
from streamproc.simulate.lives.records import EventRecord, recorded, recorded_live
from streamproc.transport.brokers import brokers_of

_CUSTOMERS: Final = 1000
_LIVE_RATE: Final = 20.0

_SHARE: Final = click.FloatRange(0, 1)


@dataclass(slots=True)
class _Tally:
    """What has gone out so far. first_ms, last_ms: the earliest and the latest event (epoch ms)."""

    events: int = 0
    first_ms: int | None = None
    last_ms: int = 0
    seconds: float = 0.0

    def add(self, records: Sequence[EventRecord]) -> None:
        """Count records."""
        self.events += len(records)
        least_ms = min(record.ts_ms for record in records)
        self.first_ms = least_ms if self.first_ms is None else min(self.first_ms, least_ms)
        self.last_ms = max(self.last_ms, *(record.ts_ms for record in records))

    def __str__(self) -> str:
        if self.first_ms is None:
            return "no events"
        per_second = round(self.events / self.seconds) if self.seconds else 0
        times = f"{to_iso(self.first_ms)} to {to_iso(self.last_ms)}"
        return f"{self.events:,} events, {times}, in {self.seconds:.1f} s ({per_second:,}/s)"


@click.command("simulate")
@click.option("--customers", type=click.IntRange(1, 10_000_000), help="How many.  [default: 1000]")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="Days of history.")
@click.option(
    "--seed", type=click.IntRange(0), default=7, show_default=True, help="Another seed, other lives."
)
@click.option("--end", metavar="ISO", help="The last event is before this instant.  [default: now]")
@click.option(
    "--events", type=click.IntRange(1), help="Exactly so many events, of as many customers as that takes."
)
@click.option("--currency", default="USD", show_default=True, help="Currency of prices and orders.")
@click.option(
    "--out",
    metavar="FILE",
    help="Where the lines go; an old file is replaced.  [default: -, standard output]",
)
@click.option("--kafka", is_flag=True, help="Publish to the brokers of STREAMPROC_KAFKA instead.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="At most so many events a second.  [default: as fast as possible; 20 with --live]",
)
@click.option("--live", is_flag=True, help="With --kafka: play on, as if it happened now, until Ctrl-C.")
@click.option("--late-share", type=_SHARE, default=0.0, help="Share that arrives up to 25 hours late.")
@click.option("--repeat-share", type=_SHARE, default=0.0, help="Share that arrives twice (same messageId).")
@click.option("--malformed-share", type=_SHARE, default=0.0, help="Share that is broken, to be refused.")
def simulate_command(
    customers: int | None,
    days: int,
    seed: int,
    end: str | None,
    events: int | None,
    currency: str,
    out: str | None,
    kafka: bool,
    rate: float | None,
    live: bool,
    late_share: float,
    repeat_share: float,
    malformed_share: float,
) -> None:
    """Invent customers of a shop, and write what they do as events.

    They shop weekly or monthly, hunt for deals, read, look round, get stuck in the set-up, complain, recommend,
    buy once, and leave; some come back. The lines are what `publish` and `validate` read. Events are in the order
    of their time unless a share comes late. The same seed, --end and options give the same bytes.

    \b
      streamproc simulate --out events.jsonl && streamproc publish events.jsonl
      streamproc simulate --events 1000000 --end 2026-01-31 --out million.jsonl
      streamproc simulate --customers 5000 --kafka
      streamproc simulate --live --kafka --rate 50

    Exit code 0: all is written; 2: a mistake in the call or the settings, or nobody answers.
    """
    now_ms = wall_ms()
    _check_call(customers=customers, events=events, end=end, out=out, kafka=kafka, live=live)
    plan = Plan(seed, days, _end_ms(end, now_ms, kafka), currency)
    if plan.begin_ms < 0:
        raise StreamprocError(
            f"--days {days} before --end {end} is before 1970: such events are refused",
            fix="name a later --end, or fewer --days",
        )
    console = Console(stderr=True)
    faults = Faults(late_share, repeat_share, malformed_share)
    shown = console.is_terminal and (kafka or out or not sys.stdout.isatty())
    with nullcontext() if kafka else _opened(out) as file, _progress(console, shown=shown) as bar:
        if events is not None and not live:
            customers = _count(plan, events, bar)
        people = Population(plan, range(customers or _CUSTOMERS), endless=live)
        records = (
            recorded_live(people.happenings(), f"live-{now_ms}", wall_ms)
            if live
            else recorded(people.happenings(), f"s{seed}")
        )
        arriving = islice(spoilt(records, faults, seed), events)
        if live and rate is None:
            rate = _LIVE_RATE
        task = bar.add_task("simulating", total=None if live else days * 86_400_000, events=0)
        tally = _Tally()
        begin_s = monotonic_s()

        def went(part: Sequence[EventRecord]) -> None:
            tally.add(part)
            tally.seconds = monotonic_s() - begin_s
            bar.update(task, completed=tally.last_ms - plan.begin_ms, events=tally.events)

        try:
            asyncio.run(
                to_file(arriving, rate, file, went)
                if file is not None
                else _to_kafka(arriving, rate, currency, went)
            )
        except KeyboardInterrupt:
            if not live:
                click.echo(f"interrupted: {tally.events:,} events are out, the history is cut off", err=True)
                raise
    click.echo(str(tally), err=True)


def _check_call(
    *, customers: int | None, events: int | None, end: str | None, out: str | None, kafka: bool, live: bool
) -> None:
    """Raises StreamprocError for options that do not go together."""
    if live and not kafka:
        raise StreamprocError("--live has no file to write to: it never ends", fix="add --kafka")
    if live and end is not None:
        raise StreamprocError("--end has no effect with --live: its events happen now", fix="leave out --end")
    if kafka and out is not None:
        raise StreamprocError("--out has no effect with --kafka", fix="leave out one of the two")
    if events is not None and customers is not None and not live:
        raise StreamprocError(
            "--customers has no effect with --events: it takes as many customers as needed",
            fix="leave out one of the two; --days makes the history longer, and the customers fewer",
        )


def _end_ms(end: str | None, now_ms: int, kafka: bool) -> int:
    """Epoch ms. Raises StreamprocError for what is no instant, and for Kafka if it is in the future."""
    if end is None:
        return now_ms
    try:
        end_ms = parse_instant(end)
    except StreamprocError as error:
        raise StreamprocError(f"--end: {error.message}", fix=error.fix) from error
    if kafka and end_ms > now_ms:
        raise StreamprocError(
            f"--end {end} is in the future: the worker would refuse these events",
            fix="leave out --end, which is now then, or name an earlier instant",
        )
    return end_ms


def _count(plan: Plan, events: int, bar: Progress) -> int:
    """How many customers it takes."""
    task = bar.add_task("counting", total=events, events=0)
    counted = 0

    def add(number: int) -> None:
        nonlocal counted
        counted += number
        bar.update(task, completed=counted, events=counted)

    customers = customers_for(plan, events, add)
    bar.remove_task(task)
    return customers


@contextmanager
def _opened(out: str | None) -> Iterator[IO[bytes]]:
    """A file, or standard output. Raises StreamprocError if it cannot be opened, written, or closed.

    Ends the command with 1 where nobody reads on.
    """
    name = "standard output" if out in (None, "-") else f"--out {out}"
    fix = "name a file in a directory that exists, and that you may write to"
    try:
        with click.open_file(out or "-", "wb") as file:
            fix = "make room, or name a file elsewhere with --out"
            yield file
    except BrokenPipeError:  # `| head` has enough
        _give_up(out)
        sys.exit(1)
    except OSError as error:
        _give_up(out)
        raise StreamprocError(f"{name} cannot be written: {error.strerror}", fix=fix) from error


def _give_up(out: str | None) -> None:
    """What standard output still holds back would fail once more at the end."""
    if out in (None, "-"):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _to_kafka(records: Iterator[EventRecord], rate: float | None, currency: str, went: Went) -> None:
    """To the topics of the settings."""
    settings = load_settings(os.environ)
    counted = load_ruleset(settings.rules_path).meanings.currency
    if counted != currency:
        click.echo(f"note: orders are in {currency}, and the rules count {counted} only", err=True)
    await to_kafka(records, rate, brokers_of(settings), settings.topic_prefix, went)


def _progress(console: Console, *, shown: object) -> Progress:
    """A bar that leaves no trace."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[events]:,} events"),
        console=console,
        transient=True,
        disable=not shown,
        redirect_stdout=False,
    )
