"""A message on its way: a signal as it stands in Kafka, and what became of the attempts to deliver it."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from streamproc.contracts.instants import to_epoch_ms
from streamproc.sinks.webhook.schedule import Answer, next_attempt_ms

#: What `--events` may name.
EVENTS: Final = ("Reactivation Requested", "Reactivation Suppressed", "Reactivation Ended")


class Message(Struct, kw_only=True, gc=False, omit_defaults=True):
    """A message that waits. `customer` is its key in Kafka: one at a time is sent for each."""

    offset: int
    customer: bytes
    id: str
    body: bytes
    read_ms: int  # when we read it
    ends_ms: int  # after that it is not sent any more
    expires: bool = False  # whether that is the action's own end
    attempts: int = 0  # those that failed
    next_ms: int = 0  # not before; 0: at once
    last: str = ""  # what came of the last attempt

    @property
    def place(self) -> tuple[int, str]:
        """What names it in its partition, even in a topic that was made anew and counts its offsets from 0 again."""
        return self.offset, self.id

    def after(self, answer: Answer, now_ms: int, *, first_ms: int, chance: float) -> "Message":
        """The same after one more failed attempt, with the time of the next one."""
        attempts = self.attempts + 1
        next_ms = next_attempt_ms(attempts, answer, now_ms, first_ms=first_ms, chance=chance)
        return msgspec.structs.replace(self, attempts=attempts, next_ms=next_ms, last=answer.detail)

    def due_at(self, next_ms: int) -> "Message":
        """The same with another time of its next attempt."""
        return msgspec.structs.replace(self, next_ms=next_ms)


class Unreadable(Exception):
    """A record that is no signal; the text says why."""


class _Properties(Struct, frozen=True, gc=False):
    expires_at: datetime | None = None
    campaign: str | None = None


class _Signal(Struct, gc=False, rename="camel"):
    event: str
    # It becomes a header, and is signed: a full stop in it would let others move the border to the body.
    message_id: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,128}$")]
    properties: _Properties = _Properties()


_DECODER: Final = msgspec.json.Decoder(_Signal)
_ENCODER: Final = msgspec.msgpack.Encoder()
_STORED: Final = msgspec.msgpack.Decoder(Message)


def message_of(
    offset: int,
    key: bytes | None,
    value: bytes | None,
    *,
    events: Collection[str],
    campaigns: Collection[str] = (),
    now_ms: int,
    patience_ms: int,
) -> Message | None:
    """The message of a record; None if its event or its campaign is not among the wanted. No campaigns: all are.

    It ends with its action, and `patience_ms` from now at the latest. Raises Unreadable.
    """
    try:
        signal = _DECODER.decode(value or b"")
        expires_at = signal.properties.expires_at
        if expires_at is not None and expires_at.tzinfo is None:
            raise Unreadable("$.properties.expires_at has no UTC offset")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(str(error)) from error
    if signal.event not in events or (campaigns and signal.properties.campaign not in campaigns):
        return None
    ends_ms = now_ms + patience_ms
    expires_ms = ends_ms if expires_at is None else to_epoch_ms([expires_at])[0]
    return Message(
        offset=offset,
        customer=key or signal.message_id.encode(),
        id=signal.message_id,
        body=value or b"",
        read_ms=now_ms,
        ends_ms=min(ends_ms, expires_ms),
        expires=expires_ms <= ends_ms and expires_at is not None,
    )


def has_expired(message: Message, now_ms: int) -> bool:
    """Whether the action is over, whenever we stopped trying."""
    expires_at = _DECODER.decode(message.body).properties.expires_at
    return expires_at is not None and to_epoch_ms([expires_at])[0] <= now_ms


def pack(message: Message) -> bytes:
    """As it is stored."""
    return _ENCODER.encode(message)


def unpack(stored: bytes) -> Message:
    """What `pack` made. Raises msgspec.DecodeError."""
    return _STORED.decode(stored)
