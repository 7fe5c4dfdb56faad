"""`streamproc doctor`: what stands in the way, and what to do about it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Final

import click
import orjson
from rich.console import Console
from rich.markup import escape

from streamproc.api.checkup import Finding, ShardFacts, judge_shards, judge_topics
from streamproc.clock import wall_ms
from streamproc.errors import StreamprocError
from streamproc.loading import load_definitions
from streamproc.settings import Settings, load_settings, misspelt
from streamproc.sources import SOURCES
from streamproc.state.redis_store import RedisStore
from streamproc.transport.brokers import brokers_of
from streamproc.transport.bulk import log_bounds
from streamproc.transport.topics import TopicInfo, Topics, describe

_MARKS: Final = {"ok": "[green]ok     [/]", "warning": "[yellow]warning[/]", "wrong": "[bold red]wrong  [/]"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor_command(as_json: bool) -> None:
    """Look at rules, Kafka, topics, Redis and state, and say what is wrong and how to mend it.

    Changes nothing. Exit code 1 if something is wrong; warnings alone are 0.
    """
    settings = load_settings(os.environ)
    findings = asyncio.run(_all(settings))
    if as_json:
        click.echo(orjson.dumps([asdict(finding) for finding in findings]))
    else:
        print_findings(Console(), findings)
    if any(finding.level == "wrong" for finding in findings):
        raise SystemExit(1)


def print_findings(console: Console, findings: list[Finding]) -> None:
    """One line each, and what to do under it."""
    for finding in findings:
        console.print(
            f"{_MARKS[finding.level]} {escape(finding.about)}: {escape(finding.text)}",
            highlight=False,
            soft_wrap=True,
        )
        if finding.fix:
            console.print(f"        [dim]fix:[/] {escape(finding.fix)}", highlight=False, soft_wrap=True)


async def _all(settings: Settings) -> list[Finding]:
    return [finding async for finding in _look(settings)]


async def _look(settings: Settings) -> AsyncIterator[Finding]:
    for variable, meant in misspelt(os.environ).items():
        yield Finding("warning", "settings", f"{variable} is not read", f"did you mean {meant}?")
    for finding in _rules(settings):
        yield finding
    found: Mapping[str, TopicInfo | None] | None = None
    partitions, topics = 0, Topics(settings.topic_prefix)
    try:
        found = await describe(brokers_of(settings), settings.topic_prefix)
        partitions = _partitions(found, topics)
        yield Finding("ok", "Kafka", f"answers at {settings.kafka}")
        for finding in judge_topics(found, topics):
            yield finding
    except StreamprocError as error:
        yield _wrong("Kafka", error)
    try:
        async with _store(settings) as store:
            for warning in await store.check_server():
                yield Finding("warning", "Redis", warning)
            yield Finding("ok", "Redis", "answers, and is fit to hold state")
            shards = await _shards(store, settings, partitions)
            for finding in judge_shards(shards, partitions, wall_ms(), live=settings.clock == "live"):
                yield finding
    except StreamprocError as error:
        yield _wrong("Redis", error)


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[RedisStore]:
    store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group, attempts=1)
    try:
        yield store
    finally:
        await store.aclose()


def _rules(settings: Settings) -> Iterator[Finding]:
    try:
        definitions = load_definitions(settings)
    except StreamprocError as error:
        yield _wrong("rules", error)
        return
    count, source = len(definitions.ruleset.segments), settings.rules or "the packaged playbook"
    yield Finding(
        "ok",
        "rules",
        f"{count} segment{'' if count == 1 else 's'} from {source}, model {definitions.model.version}",
    )


def _partitions(found: Mapping[str, TopicInfo | None] | None, topics: Topics) -> int:
    """Partitions of the sources if they are all there and alike; else 0."""
    if found is None:
        return 0
    counts = {info.partitions if (info := found[name]) else 0 for name in topics.sources}
    return counts.pop() if len(counts) == 1 else 0


async def _shards(store: RedisStore, settings: Settings, partitions: int) -> list[ShardFacts]:
    """What is known of all shards. Where the logs end is not known while Kafka does not say."""
    names = [settings.topic_prefix + topic for topic in SOURCES]
    try:
        bounds = await log_bounds(brokers_of(settings), names, partitions) if partitions else {}
    except StreamprocError:
        bounds = {}
    return [
        ShardFacts(
            partition,
            await store.read_head(partition),
            await store.outbox_length(partition),
            {
                topic: bounds[name, partition]
                for topic, name in zip(SOURCES, names, strict=True)
                if (name, partition) in bounds
            },
        )
        for partition in range(partitions)
    ]


def _wrong(about: str, error: StreamprocError) -> Finding:
    return Finding("wrong", about, error.message, error.fix)
