"""`streamproc demo`: the whole program on published history, to watch."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from streamproc.clock import monotonic_s
from streamproc.contracts.printable import printable
from streamproc.settings import load_settings
from streamproc.simulate.cdnow import load_cdnow
from streamproc.simulate.demo import (
    PARTITIONS,
    Place,
    embedded_place,
    external_place,
    publish_history,
    showing,
    until_interrupted,
    watch,
    worker,
)
from streamproc.simulate.ecom import load_ecom
from streamproc.simulate.history import DAY_MS, SILENCE_DAYS, History
from streamproc.simulate.screen import View, figures, refused, silence_share, story

#: A story of more changes does not fit a screen.
_STORY_LINES: Final = 16
_ONE_IN: Final = {"cdnow": 10, "cdnow-full": 1}
_INTERRUPTED: Final = 130
_TERMINATED: Final = 143


@click.command("demo")
@click.option(
    "--data",
    type=click.Choice(["ecom", "cdnow", "cdnow-full"]),
    default="ecom",
    show_default=True,
    help="ecom: half a year of clicks of 600 customers of a web shop. cdnow: what 2,357 customers of a music "
    "shop bought, 1997-98 (fetched once, 0.6 MB); cdnow-full: all 23,570 of them, which takes minutes.",
)
@click.option("--keep", is_flag=True, help="Leave everything running at the end, until Ctrl-C.")
@click.option(
    "--external",
    is_flag=True,
    help="Use STREAMPROC_KAFKA and STREAMPROC_REDIS instead of servers of its own; what it makes there has a "
    "prefix of its own and is removed at the end.",
)
def demo_command(data: str, keep: bool, external: bool) -> None:
    """Watch months of customer history go through streamproc in a minute.

    Starts a Kafka-compatible broker and a Redis-compatible server, publishes the history, and runs a worker on
    it under the event clock. No Docker, nothing to configure; Ctrl-C cleans everything up.
    """
    console = Console()
    try:
        asyncio.run(_run(console, data, keep, external))
    except KeyboardInterrupt:
        console.print("\n[dim]stopped; nothing is left behind[/]")
        sys.exit(_INTERRUPTED)
    except asyncio.CancelledError:
        sys.exit(_TERMINATED)


async def _run(console: Console, data: str, keep: bool, external: bool) -> None:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    steps = _Steps(console)
    history = load_ecom() if data == "ecom" else load_cdnow(os.environ, one_in=_ONE_IN[data])
    steps.done(history.about)
    for note in history.notes:
        console.print(f"  [dim]{escape(note)}[/]", highlight=False)
    async with external_place(load_settings(os.environ)) if external else embedded_place() as place:
        ours, yours = (
            "a broker (Tansu) and a store (Valkey)",
            f"Kafka at {place.kafka.bootstrap} and your Redis",
        )
        steps.done(f"{ours if place.embedded else yours} answer")
        records = await publish_history(place, history)
        steps.done(f"{records:,} records published to 3 topics of {PARTITIONS} partitions each")
        view = View(history, "the worker starts and joins its group", steps.elapsed_s)
        async with worker(place, os.environ, history.until_ms) as child:
            with showing(console, view) as show:
                await watch(place, child, view, show)
        steps.done(f"the worker has gone through {_days(history)} days, and has ended by itself")
        print_summary(console, view)
        if keep:
            await _keep(console, place, view)
        else:
            again = f"{program()} demo --keep" + ("" if data == "ecom" else f" --data {data}")
            print_commands(console, f"{again}  [dim]# then, in another terminal:[/]", view)


class _Steps:
    """What has been done, each with the time it took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begin_s = self._last_s = monotonic_s()

    @property
    def elapsed_s(self) -> float:
        return monotonic_s() - self._begin_s

    def done(self, what: str) -> None:
        now_s = monotonic_s()
        self._console.print(
            f"[green]✓[/] {escape(what)} [dim]({now_s - self._last_s:.1f} s)[/]", highlight=False
        )
        self._last_s = now_s


def _days(history: History) -> int:
    return (history.until_ms - history.first_ms) // DAY_MS


def print_summary(console: Console, view: View) -> None:
    """What came of the history."""
    history, tally = view.history, view.tally
    console.print()
    console.print(
        f"[bold]{view.applied:,}[/] events of [bold]{history.customers:,}[/] customers led to "
        f"[bold]{tally.signals:,}[/] signals, [bold]{silence_share(tally):.0%}[/] of them out of silence: no event, "
        f"just time that passed. The last {SILENCE_DAYS} days had no events at all.",
        highlight=False,
    )
    console.print(figures(tally))
    if changes := tally.story(_STORY_LINES):
        console.print(
            f"\n[bold]One customer's story[/]  {escape(printable(changes[0].customer))}", highlight=False
        )
        console.print(Padding(story(changes), (0, 0, 0, 2)))
    if tally.refused:
        console.print(
            f"\n[bold]{tally.refused.total()} events refused[/]  (spoilt on purpose; they are in events.failed)",
            highlight=False,
        )
        console.print(Padding(refused(tally.refused), (0, 0, 0, 2)))


async def _keep(console: Console, place: Place, view: View) -> None:
    """Leave it all running, with a worker that waits for more events."""
    async with worker(place, os.environ, None):
        exports = " ".join(f"{name}={value}" for name, value in place.variables.items() if value)
        print_commands(console, f"export {exports}", view)
        console.print(
            f"  curl -s {place.metrics_url}  [dim]# the worker's metrics, after a few seconds[/]\n\n"
            "Everything keeps running, on the event clock: publish later events, and time goes on with them\n"
            "(an event counts as soon as another one has moved time past its second).\n"
            "[bold]Ctrl-C ends it and removes everything.[/]",
            highlight=False,
            soft_wrap=True,
        )
        await until_interrupted()
    console.print("[dim]stopped; nothing is left behind[/]")


def print_commands(console: Console, first: str, view: View) -> None:
    """The commands to look deeper, ready to copy; `first` makes the others work."""
    changes = view.tally.story(_STORY_LINES)
    customer = changes[0].customer if changes else "ID"
    console.print("\n[bold]Look deeper[/]")
    commands = (f"profile show {customer} --why", "failed list", "topics list")
    for command in (first, *(f"{program()} {command}" for command in commands)):
        console.print(f"  {command}", highlight=False, soft_wrap=True)


def program() -> str:
    """How the reader can call this program."""
    if shutil.which("streamproc"):
        return "streamproc"
    path = Path(sys.executable).with_name("streamproc")
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
