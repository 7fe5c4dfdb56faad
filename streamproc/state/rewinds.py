"""Rewinds: telling a Redis that lost acknowledged writes from one that did not.

Two witnesses know how far a shard had come: the worker that held it, and a note that Kafka keeps with the group's
offsets. Kafka is told of a commit before any signal of it is sent, so nothing is lost unnoticed that was seen outside.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from streamproc.state.store import Head

_PARTS: Final = 3
_NOTHING_TOLD: Final = (0, -1, -1)


def note_of(head: Head, sent: int) -> str:
    """How far a shard has come, in a word to leave with others: "rewinds/seq/sent".

    `sent`: the last commit of which signals may have been seen outside.
    """
    return f"{head.rewinds}/{head.seq}/{sent}"


def read_note(note: str) -> tuple[int, int, int]:
    """(rewinds, seq, sent) of a note; before all others where it is none of ours."""
    parts = note.split("/")
    if len(parts) != _PARTS or not all(part.isdecimal() for part in parts):
        return _NOTHING_TOLD
    rewinds, seq, sent = map(int, parts)
    return rewinds, seq, sent


def _latest(notes: Iterable[str]) -> tuple[int, int, int]:
    return max(map(read_note, notes), default=_NOTHING_TOLD)


def was_seen_otherwise(head: Head, notes: Iterable[str]) -> bool:
    """Whether consumers may have been told what a freshly acquired head knows nothing of.

    Signals of its own lost commits, or of another history: one that an earlier rewind had begun. The events are read
    again, but what comes of them may differ (the live clock looks at other moments), and then nothing would ever
    supersede what was said.
    """
    rewinds, _, sent = _latest(notes)
    return head.rewinds < rewinds or (head.rewinds == rewinds and head.seq < sent)


def lost_commits(head: Head, notes: Iterable[str]) -> int:
    """How many commits a freshly acquired head lacks of those that Kafka was told of, in the same history."""
    rewinds, seq, _ = _latest(notes)
    return max(seq - head.seq, 0) if rewinds == head.rewinds else 0


def since_told(head: Head, held: Head | None, notes: Iterable[str], *, behind: bool) -> Head:
    """A freshly acquired head with its `rewinds`: more than anybody has ever been told of if Redis went back.

    `held`: the head that this process held last. `notes`: what Kafka was told. `behind`: Kafka was told greater
    offsets. The next commit stores the count.
    """
    told = _latest(notes)
    found = head.since(held)
    if behind or (found.rewinds, head.seq) < told[:2]:
        return replace(head, rewinds=max(found.rewinds, told[0] + 1, head.rewinds + 1))
    return found
