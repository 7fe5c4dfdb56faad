"""`streamproc rebuild`: state made anew from the topics, without saying again what was said."""

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import click
import msgspec
import orjson
import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from streamproc.app import Worker
from streamproc.cli.facts import counted
from streamproc.cli.logs import set_up_logs
from streamproc.cli.worker import parse_instant
from streamproc.clock import monotonic_s, wall_ms
from streamproc.contracts.instants import to_iso
from streamproc.errors import StreamprocError
from streamproc.loading import load_definitions
from streamproc.rebuild.prepare import Place, Wish, empty, prepare
from streamproc.rebuild.progress import Standing, close, standing
from streamproc.settings import Settings, load_settings
from streamproc.state.plan import PLAN, Plan
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import StoreError
from streamproc.transport.brokers import brokers_of
from streamproc.transport.bulk import partition_counts
from streamproc.transport.groups import member_count
from streamproc.transport.topics import Topics

#: How often Redis is asked how far it is.
_LOOK_S: Final = 0.5
#: Records of a commit, unless somebody has set another number: nobody waits for any single one.
_CHUNK_RECORDS: Final = 10_000
#: How often that is logged where there is no terminal.
_LOG_S: Final = 10.0


@dataclass(slots=True)
class _Speed:
    """Records per second since this process looks on."""

    begun_s: float
    begun_at: int = -1

    def of(self, found: Standing) -> float:
        if self.begun_at < 0:
            self.begun_at = found.applied
        return (found.applied - self.begun_at) / max(monotonic_s() - self.begun_s, 1e-3)


@click.command("rebuild")
@click.option(
    "--group", metavar="NAME", help="Of this group, instead of STREAMPROC_GROUP: to build it beside."
)
@click.option(
    "--after", default="", metavar="GROUP", help="Go as far as this group has come, to take over from it."
)
@click.option(
    "--from", "begin", metavar="ISO", help="Leave out records that are older.  [default: all there are]"
)
@click.option(
    "--until", metavar="ISO",
    help="Leave what came later to the workers.  [default: where workers stopped; without any, now]",
)  # fmt: skip
@click.option("--wipe", is_flag=True, help="Delete the state that the group has, and begin anew.")
@click.option(
    "--accept-partial", is_flag=True, help="Even if retention has removed what windows look back on."
)
@click.option(
    "--restate/--no-restate", "restates", default=True, show_default=True,
    help="Workers then say once what holds of every customer, `cause: restored`.",
)  # fmt: skip
@click.option("--abandon", is_flag=True, help="Give up a rebuild that was interrupted; its state is deleted.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def rebuild_command(
    group: str | None,
    after: str,
    begin: str | None,
    until: str | None,
    wipe: bool,
    accept_partial: bool,
    restates: bool,
    abandon: bool,
    as_json: bool,
) -> None:
    """Make the state of a group anew from the topics, without saying again what was said.

    For a Redis that is lost without a backup, for topics with another number of partitions, for rules that were wrong
    for long. All events are applied by their own times, with the rules of now; campaigns count what they would have
    asked for as asked for. It ends where Kafka was told that the workers had come. Start workers then: they say what
    holds of everybody once more, and go on.

    Exit code 1: it was interrupted, or other processes still build.

    Stop all workers of the group before. Run it on several machines at once, and it is shared out; killed, it goes on
    where it was when it is run again. Workers do not start before it has ended.

    \b
      streamproc rebuild --wipe
    A group beside the one that works (blue), which takes over from it (green):
      streamproc rebuild --group green --after blue    # takes long, blue goes on
      streamproc state compare blue green
      (stop the workers of blue)
      streamproc rebuild --group green --after blue    # what came meanwhile: seconds
      STREAMPROC_GROUP=green streamproc worker
    """
    settings = msgspec.structs.replace(load_settings(os.environ), clock="event", http_port=0, instance="")
    if settings.chunk_records == Settings().chunk_records:
        settings = msgspec.structs.replace(settings, chunk_records=_CHUNK_RECORDS)
    if group:
        settings = msgspec.structs.replace(settings, group=group)
    if after == settings.group:
        raise StreamprocError(
            f"{after} cannot take over from itself",
            fix="leave --after out, or name another group with --group",
        )
    wish = Wish(
        after=after,
        from_ms=None if begin is None else parse_instant(begin),
        until_ms=None if until is None else parse_instant(until),
        wipe=wipe,
        accept_partial=accept_partial,
        restates=restates,
    )
    _check_span(wish)
    shown = Console(stderr=True).is_terminal
    set_up_logs(
        settings.log_format, "warning" if shown and settings.log_level == "info" else settings.log_level
    )
    if abandon:
        asyncio.run(_abandon(settings))
        return
    done = asyncio.run(_rebuild(settings, wish))
    click.echo(orjson.dumps(done, option=orjson.OPT_INDENT_2).decode() if as_json else _in_words(done))
    if not done["done"]:
        raise SystemExit(1)


def _check_span(wish: Wish) -> None:
    """Raises StreamprocError for instants between which there can be nothing."""
    now_ms = wall_ms()
    for option, at_ms in (("--from", wish.from_ms), ("--until", wish.until_ms)):
        if at_ms is not None and at_ms > now_ms:
            raise StreamprocError(
                f"{option} {to_iso(at_ms)} lies in the future", fix="an instant of the past, in ISO 8601"
            )
    if wish.from_ms is not None and wish.until_ms is not None and wish.from_ms >= wish.until_ms:
        raise StreamprocError("--from is not before --until", fix="exchange them")


async def _rebuild(settings: Settings, wish: Wish) -> dict[str, Any]:
    definitions = load_definitions(settings)
    async with AsyncExitStack() as stack:
        place = _place(settings, wish.after, stack)
        await place.store.check_server()
        plan = await prepare(place, wish)
        begun_s, before = monotonic_s(), await standing(place.store, plan)
        looking = asyncio.create_task(_look_on(place, plan))
        stack.callback(looking.cancel)
        await Worker(settings, definitions, rebuild=plan).run()
        seconds = monotonic_s() - begun_s
        looking.cancel()
        is_whole = await close(place.store, plan)
        found = await standing(place.store, plan)
    return {
        "group": settings.group,
        "done": is_whole,
        "after": plan.after or None,
        "goes_on": plan.goes_on,
        "customers": found.customers,
        "records": found.records,
        "applied": found.applied - before.applied,
        "until": None if found.reached_ms is None else to_iso(found.reached_ms),
        "seconds": round(seconds, 1),
        "restate": plan.restates,
    }


def _place(settings: Settings, after: str, stack: AsyncExitStack) -> Place:
    def opened(group: str) -> RedisStore:
        store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=group)
        stack.push_async_callback(store.aclose)
        return store

    return Place(
        opened(settings.group),
        brokers_of(settings),
        settings.topic_prefix,
        settings.group,
        opened(after) if after else None,
    )


async def _look_on(place: Place, plan: Plan) -> None:
    """Show how far it has come, until cancelled."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    log, speed, logged_s = structlog.get_logger("streamproc"), _Speed(monotonic_s()), monotonic_s()
    with bar:
        task = bar.add_task("rebuilding", total=None)
        while True:
            try:
                found = await standing(place.store, plan)
            except StoreError:  # the shards say so
                await asyncio.sleep(_LOOK_S)
                continue
            reached = "-" if found.reached_ms is None else to_iso(found.reached_ms)[:16]
            rate = speed.of(found)
            bar.update(
                task, total=found.records, completed=found.applied,
                description=f"{found.applied:,} of {found.records:,} records, {rate:,.0f}/s; "
                f"shard {found.at} is at {reached}",
            )  # fmt: skip
            if not console.is_terminal and monotonic_s() - logged_s >= _LOG_S:
                logged_s = monotonic_s()
                left_s = round((found.records - found.applied) / rate) if rate else None
                log.info(
                    "rebuilding", applied=found.applied, records=found.records, per_s=round(rate),
                    shard=found.at, reached=reached, left_s=left_s,
                )  # fmt: skip
            await asyncio.sleep(_LOOK_S)


async def _abandon(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        place = _place(settings, "", stack)
        if PLAN not in await place.store.controls():
            raise StreamprocError(
                f"no rebuild of the group {settings.group} is under way",
                fix="is that its name? to delete the state of a group: streamproc state wipe",
            )
        if members := await member_count(place.brokers, settings.group):
            raise StreamprocError(
                f"{members} processes work on it",
                fix="stop them first; who was killed stays a member for the session timeout",
            )
        topic = Topics(settings.topic_prefix).rekey
        counts = await partition_counts(place.brokers, settings.topic_prefix, [topic])
        customers = await empty(place.store, counts[topic])
        await place.store.set_control(PLAN, None)
    click.echo(f"given up: {customers:,} customers deleted; the group {settings.group} has no state now")


def _in_words(done: dict[str, Any]) -> str:
    if not done["done"]:
        return "interrupted, or others still work on it; nothing is lost: run the same command to go on"
    lines = [
        f"built: {counted(done['customers'], 'customer')}; {counted(done['applied'], 'record')} applied, "
        f"until {done['until']}, in {done['seconds']:,.1f} s "
        f"({done['applied'] / max(done['seconds'], 0.1):,.0f} records/s)"
    ]
    if done["goes_on"]:
        lines.append(
            f"the group {done['after']} goes on: stop its workers, run this once more, then start those of "
            f"{done['group']}"
        )
    else:
        said = "they say once what holds of every customer, and go on" if done["restate"] else "they go on"
        lines.append(f"start the workers of {done['group']}: {said}")
    return "\n".join(lines)
