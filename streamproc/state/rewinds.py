"""Rewinds: telling a Redis that lost acknowledged writes from one that did not.

Two witnesses know how far a shard had come: the worker that held it, and a note that Kafka keeps with the group's
offsets. Kafka is told of a commit before any signal of it is sent, so nothing is lost unnoticed that was seen outside.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from streamproc.state.store import Head

_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_NOTHING_TOLD: Final = (0, -1, -1)


def note_of(head: Head, sent: int) -> str:
    """How far a shard has come, in a word to leave with others: "rewinds/seq/sent/time".

    `sent`: the last commit of which signals may have been seen outside. The time is the shard's, in epoch ms: whatever
    was seen outside was said at it or before.
    """
    return f"{head.rewinds}/{head.seq}/{sent}/{head.time_ms or 0}"


def read_note(note: str) -> tuple[int, int, int]:
    """(rewinds, seq, sent) of a note; before all others where it is none of ours."""
    numbers = _numbers_of(note)
    return (numbers[0], numbers[1], numbers[2]) if numbers else _NOTHING_TOLD


def time_in(note: str) -> int:
    """The shard's time (epoch ms) that a note tells; 0 where there was none, or it is none of ours."""
    numbers = _numbers_of(note)
    return numbers[3] if numbers else 0


def _numbers_of(note: str) -> list[int] | None:
    parts = note.split("/")
    if len(parts) not in (3, 4) or not all(map(_NUMBER.fullmatch, parts)):
        return None
    return [*map(int, parts), 0][:4]  # without a time, a note is of an older version


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
