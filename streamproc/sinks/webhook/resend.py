"""What was given up, sent again: once each, in the order in which it was given up, under its old id."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from streamproc.clock import wall_ms
from streamproc.sinks.webhook.journal import DeadLetter, Journal
from streamproc.sinks.webhook.message import has_expired
from streamproc.sinks.webhook.post import Post
from streamproc.sinks.webhook.schedule import Answer
from streamproc.sinks.webhook.signing import headers


class Resent(NamedTuple):
    """What came of a letter. `answer` None: its action has expired, and it was not sent."""

    letter: DeadLetter
    answer: Answer | None


async def resend(
    letters: Sequence[tuple[bytes, DeadLetter]],
    post: Post,
    journal: Journal,
    secrets: Sequence[bytes],
    *,
    expired_too: bool = False,
) -> AsyncIterator[Resent]:
    """Send `Journal.dead_entries`, each message once, until an answer says something of the receiver as a whole.

    What the receiver takes is forgotten; if we are killed in between, it may come again. Raises StoreError.
    """
    entries: defaultdict[str, list[bytes]] = defaultdict(list)
    for entry, letter in letters:
        entries[letter.message.id].append(entry)
    for entry, letter in letters:
        message, now_ms = letter.message, wall_ms()
        if entry != entries[message.id][0]:
            continue
        if not expired_too and has_expired(message, now_ms):
            yield Resent(letter, None)
            continue
        answer = await post.send(message.body, headers(secrets, message.id, message.body, now_ms))
        if answer.delivered:
            await journal.forget(entries[message.id])
        yield Resent(letter, answer)
        if answer.ill or answer.gone:
            return
