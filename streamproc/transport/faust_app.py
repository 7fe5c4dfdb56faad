"""A Faust app on the batch transport."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import faust
from faust.agents import Agent
from faust.agents.actor import Actor
from faust.app.base import BootStrategy
from faust.types import TP, AppT, EventT, Message, StreamT, TopicT
from mode import BaseSignalT, ServiceT
from mode.supervisors import OneForOneSupervisor, SupervisorStrategy

from streamproc.transport.batch import Consumer, Transport
from streamproc.transport.owner import Owner
from streamproc.transport.settings import TransportSettings


class _ChunkSchema(faust.Schema[None, Any]):
    """Passes chunks on; there is nothing to decode."""

    def loads_key(self, app: AppT, message: Message, **_: Any) -> None:
        return None

    def loads_value(self, app: AppT, message: Message, **_: Any) -> Any:
        return message.value


class _ChunksTaken(faust.Sensor):
    """Tells the consumer when an agent takes a chunk from its queue."""

    def __init__(self, app: faust.App) -> None:
        super().__init__()
        self._app = app

    def on_stream_event_in(self, tp: TP, offset: int, stream: StreamT[Any], event: EventT[Any]) -> None:
        cast(Consumer, self._app.consumer).on_chunk_taken(tp)


class _WithoutProducer(BootStrategy):
    """The relay sends, by a producer of its own: Faust's would only fail where Kafka is away at a start."""

    enable_kafka_producer = False


class _App(faust.App):
    BootStrategy = _WithoutProducer

    def _create_directories(self) -> None:
        """Faust's data directories are for tables."""


def batch_app(
    group: str,
    *,
    owner: Owner,
    settings: TransportSettings,
    now_ms: Callable[[], int],
    options: Mapping[str, Any],
) -> faust.App:
    """A Faust app whose agents read chunks; `options` come from `settings.faust_options`.

    Agents read `chunk_topic(app, *sources)` with `isolated_partitions=True`. `now_ms` is the wall clock.
    """
    app = _App(group, **options)
    app.transport = Transport(app.conf.broker_consumer, app, owner=owner, settings=settings, now_ms=now_ms)
    app.sensors.add(_ChunksTaken(app))

    async def forget_stopped_actors(app: AppT, /, *_: Any, signal: BaseSignalT[Any], **__: Any) -> None:
        for agent in app.agents.values():
            _forget_stopped_actors(cast(Agent, agent))

    class Supervisor(OneForOneSupervisor):
        async def restart_services(self, services: list[ServiceT]) -> None:
            # An agent that starts again has lost a chunk. And since a crash crashes the agents, too, those of a worker
            # that ends would: so many at once that Faust exits in the middle of it.
            if services and not app.crashed:
                await app.crash(services[0].crash_reason or RuntimeError("an agent ended"))

    app.conf.agent_supervisor = cast(Any, Supervisor)
    app.on_rebalance_complete.connect(forget_stopped_actors)
    return app


def _forget_stopped_actors(agent: Agent) -> None:
    """Faust keeps an isolated agent's actors for every partition it ever had."""
    supervisor = cast(SupervisorStrategy, agent.supervisor)
    for actor in [actor for actor in supervisor._services if actor.should_stop]:
        supervisor.discard(actor)
        for service in (actor, cast(Actor, actor).stream):
            parent = service.beacon.parent
            if parent is not None:
                service.beacon.detach(parent)


def chunk_topic(app: faust.App, *names: str) -> TopicT:
    """The channel for an agent that reads the chunks of these topics.

    Acknowledgements are off: the owner's offsets count, and Faust would remember each one until it is
    committed.
    """
    return app.topic(*names, schema=_ChunkSchema(), acks=False)
