"""A Faust app on the batch transport."""

from collections.abc import Callable, Mapping
from typing import Any

import faust
from faust.types import AppT, Message, TopicT

from streamproc.transport.batch import Transport
from streamproc.transport.owner import Owner
from streamproc.transport.settings import TransportSettings


class _ChunkSchema(faust.Schema[None, Any]):
    """Passes chunks on; there is nothing to decode."""

    def loads_key(self, app: AppT, message: Message, **_: Any) -> None:
        return None

    def loads_value(self, app: AppT, message: Message, **_: Any) -> Any:
        return message.value


class _App(faust.App):
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
    return app


def chunk_topic(app: faust.App, *names: str) -> TopicT:
    """The channel for an agent that reads the chunks of these topics.

    Acknowledgements are off: the owner's offsets count, and Faust would remember each one until it is
    committed.
    """
    return app.topic(*names, schema=_ChunkSchema(), acks=False)
