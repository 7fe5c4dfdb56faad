"""`streamproc campaigns pause`, `resume`, `dry` and `release`: what operators say to the workers of a group."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

import click

from streamproc.api.campaigns import Running, look_at_running
from streamproc.cli.facts import counted
from streamproc.cli.rules_file import rules_path
from streamproc.clock import wall_ms
from streamproc.contracts.instants import to_iso
from streamproc.contracts.printable import printable
from streamproc.errors import StreamprocError
from streamproc.quota import RELEASED
from streamproc.rules.campaign import Mode
from streamproc.rules.load import load_ruleset
from streamproc.rules.nearest import did_you_mean, one_of
from streamproc.settings import Settings, load_settings
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Store

_T = TypeVar("_T")

_keys = click.argument("keys", nargs=-1, metavar="[KEY]...")
_all = click.option("--all", "is_all", is_flag=True, help="All campaigns of the rules in force.")

#: Workers ask every second.
_SEEN: Final = "all workers of the group {group} see it within two seconds"
_LOOK_AGAIN: Final = "what waits is looked at again every five minutes, and when the customer does something"


@click.command("pause")
@_keys
@_all
def pause_command(keys: Sequence[str], is_all: bool) -> None:
    """Let campaigns ask for nothing until they are resumed. Workers see it within seconds.

    Steps that are due wait; one that has waited for as long as `expires_after` says is suppressed, as expired.
    Customers still enter, and journeys under way still end. It outlasts restarts and edits of the rules file, until
    `streamproc campaigns resume`. Needs only Redis (STREAMPROC_REDIS, STREAMPROC_TOPIC_PREFIX, STREAMPROC_GROUP).

    \b
      streamproc campaigns pause rescue_high_risk
      streamproc campaigns pause --all
    """
    _say(keys, "paused", "steps that are due wait, and expire after their `expires_after`", is_all=is_all)


@click.command("resume")
@_keys
@_all
def resume_command(keys: Sequence[str], is_all: bool) -> None:
    """Let campaigns do again what the rules file says, after `pause` or `dry`.

    A campaign whose `mode` is paused or dry in the rules file stays so: that is edited there.
    """
    _say(keys, None, _LOOK_AGAIN, is_all=is_all)


@click.command("dry")
@_keys
@_all
def dry_command(keys: Sequence[str], is_all: bool) -> None:
    """Let campaigns decide and count, but publish nothing, until they are resumed.

    The counts are in the metric streamproc_campaigns_dry_total. A journey goes on as if it had asked: whoever was
    \"asked\" meanwhile may not enter again before `reentry` allows it.
    """
    _say(keys, "dry", "decisions are counted in streamproc_campaigns_dry_total", is_all=is_all)


@click.command("release")
def release_command() -> None:
    """Let requests go on that the circuit breaker holds. Look first whether events are missing.

    The breaker holds all requests of a shard when far more customers than usual would be asked at once without having
    done anything: as a rule, a producer is down. What was held is asked for if it has not expired, and requests are
    counted anew.
    """
    settings = load_settings(os.environ)
    held = asyncio.run(_with_store(settings, _release))
    if not held:
        click.echo("the breaker holds nothing")
        return
    since = to_iso(min(held.values()))
    click.echo(f"released: {counted(len(held), 'shard')} ({', '.join(map(str, held))}), held since {since}")
    click.echo(f"{_SEEN.format(group=settings.group)}; {_LOOK_AGAIN}")


async def _release(store: Store) -> dict[int, int]:
    held = dict((await look_at_running(store)).held)
    if held:
        # A clock that is behind that of a worker must not leave its shards held.
        await store.set_control(RELEASED, str(max(wall_ms(), max(held.values()) + 1)))
    return held


def _say(keys: Sequence[str], mode: Mode | None, then: str, *, is_all: bool) -> None:
    """Put campaigns into a mode; None: that of the rules file. `then`: what follows from it."""
    if bool(keys) == is_all:
        wrong = "--all is every campaign: name none" if is_all else "name the campaigns, or give --all"
        raise click.UsageError(wrong)
    settings = load_settings(os.environ)

    async def say(store: Store) -> tuple[Running, dict[str, Mode], list[str]]:
        running = await look_at_running(store)
        modes = dict(running.modes) or _modes_of_file()
        named = _named(keys, modes, running, is_all=is_all)
        for key in named:
            if running.controls.modes.get(key) != mode:
                await store.set_control(key, mode)
        return running, modes, named

    running, modes, named = asyncio.run(_with_store(settings, say))
    for key in named:
        click.echo(f"{printable(key)}: {_told(key, mode, modes, running)}")
    click.echo(f"{_SEEN.format(group=settings.group)}; {then}")
    if not running.shards:
        click.echo("no worker of this group has run yet: it holds from the start of the first one")


def _told(key: str, mode: Mode | None, modes: dict[str, Mode], running: Running) -> str:
    if key not in modes:
        return "not in the rules any more; nothing is said of it now"
    of_file, said = modes[key], running.controls.modes.get(key)
    before, after = said or of_file, mode or of_file
    if mode is None and after != "live":
        changed = f" (before: {before})" if before != after else ": edit its `mode` there"
        return f"{after}, as the rules file says{changed}"
    return f"{after} already" if before == after else f"{after} (before: {before})"


def _named(keys: Sequence[str], modes: dict[str, Mode], running: Running, *, is_all: bool) -> list[str]:
    """The campaigns that are meant. Raises StreamprocError if one is not known, and nothing was said of it either."""
    if is_all:
        keys = [*modes, *(key for key in running.controls.modes if key not in modes)]
        if not keys:
            raise StreamprocError(
                "the rules in force have no campaigns", fix="add some to the rules file of the workers"
            )
    known = {*modes, *running.controls.modes}
    for key in keys:
        if key not in known:
            there_are = f"there are {one_of(modes)}" if modes else "they have none"
            raise StreamprocError(
                f"the rules in force have no campaign {key!r}",
                fix=did_you_mean(key, list(modes)) or there_are,
            )
    return list(dict.fromkeys(keys))


def _modes_of_file() -> dict[str, Mode]:
    """Of the rules file that the settings name: as long as no worker says which rules it runs on."""
    return {campaign.key: campaign.mode for campaign in load_ruleset(rules_path(None)).campaigns}


async def _with_store(settings: Settings, work: Callable[[Store], Coroutine[Any, Any, _T]]) -> _T:
    store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group)
    try:
        return await work(store)
    finally:
        await store.aclose()
