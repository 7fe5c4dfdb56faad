"""A record of a source log, as a broker would hand it out."""

from dataclasses import dataclass

#: The source topics (without a prefix) and the channel of the events in them.
CHANNEL_OF_TOPIC = {"events.web": "web", "events.app": "app", "events.support": "support"}


@dataclass(frozen=True, slots=True)
class Record:
    """One record of one partition; `timestamp` (ms) is the broker's and decides nothing."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


#: The source logs: (topic, partition) -> its records in the order of their offsets.
Logs = dict[tuple[str, int], list[Record]]


def channel_of(topic: str) -> str:
    """The channel of a source topic, whatever its prefix; KeyError for any other topic."""
    for name, channel in CHANNEL_OF_TOPIC.items():
        if topic == name or topic.endswith(name):
            return channel
    raise KeyError(topic)
