"""A record of a source log, as a broker would hand it out."""

from dataclasses import dataclass

#: The source topics (without a prefix) and the channel of the events in them.
CHANNEL_OF_TOPIC = {"events.web": "web", "events.app": "app", "events.support": "support"}

#: The topic on which becomes known what came of actions, and the channel of what is in it.
OUTCOMES_TOPIC, OUTCOMES = "actions.outcomes", "outcomes"


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


#: The header in which a re-keyed record says where it was sent to first.
FIRST_TOPIC_HEADER = "streamproc-source-topic"


def channel_of(topic: str, record: Record) -> str:
    """The channel of a record: its topic's, whatever the prefix, or its first topic's; KeyError for none."""
    if topic.endswith("streamproc.rekey"):
        topic = dict(record.headers)[FIRST_TOPIC_HEADER].decode()
    for name, channel in (*CHANNEL_OF_TOPIC.items(), (OUTCOMES_TOPIC, OUTCOMES)):
        if topic.endswith(name):
            return channel
    raise KeyError(topic)
