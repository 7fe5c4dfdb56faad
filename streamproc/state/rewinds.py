"""Rewinds: telling a Redis that lost acknowledged writes from one that did not.

Two witnesses know how far a shard had come: the worker that held it, and a note that Kafka keeps with the group's
offsets. Kafka is told of a commit before any signal of it is sent, so nothing is lost unnoticed that was seen outside.
"""

from collections.abc import Iterable
from dataclasses import replace

from streamproc.state.store import Head


def note_of(head: Head) -> str:
    """How far a shard has come, in a word to leave with others: "rewinds/seq"."""
    return f"{head.rewinds}/{head.seq}"


def read_note(note: str) -> tuple[int, int]:
    """(rewinds, seq) of a note; before all others where it is none of ours."""
    rewinds, slash, seq = note.partition("/")
    return (int(rewinds), int(seq)) if slash and rewinds.isdecimal() and seq.isdecimal() else (0, -1)


def is_other_history(head: Head, held: Head | None, notes: Iterable[str]) -> bool:
    """Whether a freshly acquired head is of a history that had been left behind by an earlier rewind.

    What was told since may then contradict it, for customers of whom nothing will be heard again for long.
    """
    told, _ = max(map(read_note, notes), default=(0, -1))
    return head.rewinds < max(told, 0 if held is None else held.rewinds)


def lost_commits(head: Head, notes: Iterable[str]) -> int:
    """How many commits a freshly acquired head lacks of those that Kafka was told of, in the same history."""
    rewinds, seq = max(map(read_note, notes), default=(0, -1))
    return max(seq - head.seq, 0) if rewinds == head.rewinds else 0


def since_told(head: Head, held: Head | None, notes: Iterable[str], *, behind: bool) -> Head:
    """A freshly acquired head with its `rewinds`: more than anybody has ever been told of if Redis went back.

    `held`: the head that this process held last. `notes`: what Kafka was told. `behind`: Kafka was told greater
    offsets. The next commit stores the count.
    """
    told = max(map(read_note, notes), default=(0, -1))
    found = head.since(held)
    if behind or (found.rewinds, head.seq) < told:
        return replace(head, rewinds=max(found.rewinds, told[0] + 1, head.rewinds + 1))
    return found
