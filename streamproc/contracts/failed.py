"""The failed event: the envelope in which a record that was not accepted goes to `events.failed`.

Nothing in it comes from a clock: the same record gives the same bytes, whenever it is read. The envelope is
self-describing JSON, as Snowplow's failed events: https://docs.snowplow.io/docs/fundamentals/failed-events/
"""

import base64
import hashlib
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from streamproc import __version__
from streamproc.contracts.failures import Failure, FailureReason
from streamproc.contracts.outbox import Headers, OutRecord, stable_id

TOPIC: Final = "events.failed"
SCHEMA: Final = "iglu:streamproc/failed_event/jsonschema/1-0-0"
#: More of the payload is not kept; the source topic has it all.
RAW_BYTES_MAX: Final = 65_536
#: A longer source key is cut in the envelope, and not used as the envelope's own key.
KEY_BYTES_MAX: Final = 1_024

Encoding = Literal["utf8", "base64"]
_ENCODER: Final = msgspec.json.Encoder()


class Problem(Struct, frozen=True):
    """What was wrong."""

    reason: Annotated[FailureReason, Meta(description="code, see docs/events.md")]
    field: Annotated[str, Meta(description='JSON path of the field; "$" is the whole event')]
    message: Annotated[str, Meta(description="what is wrong and what to send instead")]


class Source(Struct, frozen=True):
    """Where the record stands."""

    topic: Annotated[str, Meta(description="its topic, without a prefix")]
    partition: Annotated[int, Meta(ge=0, description="its partition")]
    offset: Annotated[int, Meta(ge=0, description="its offset")]
    key: Annotated[str | None, Meta(description=f"its key, cut at {KEY_BYTES_MAX} bytes; null: none")]
    key_encoding: Annotated[Encoding, Meta(description="how `key` is written")]
    timestamp_ms: Annotated[int, Meta(description="the Kafka record's own timestamp")]


class Payload(Struct, frozen=True):
    """What the record held."""

    sha256: Annotated[str, Meta(description="SHA-256 of the whole value, in hex")]
    bytes: Annotated[int, Meta(description="size of the whole value")]
    encoding: Annotated[Encoding, Meta(description="how `raw` is written")]
    raw: Annotated[str, Meta(description=f"the first {RAW_BYTES_MAX} bytes of the value")]
    truncated: Annotated[bool, Meta(description="is `raw` only a part of it?")]


class Processor(Struct, frozen=True):
    """Who refused it."""

    name: Annotated[str, Meta(description="always streamproc")]
    version: Annotated[str, Meta(description="its version")]


class FailedEventData(Struct, frozen=True):
    """A refused record."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$", description="the same for every reading of the record")]
    failure: Annotated[Problem, Meta(description="what was wrong")]
    source: Annotated[Source, Meta(description="where the record stands in Kafka")]
    payload: Annotated[Payload, Meta(description="what it held")]
    processor: Annotated[Processor, Meta(description="who refused it")]


class FailedEvent(Struct, frozen=True, rename={"schema_": "schema"}):
    """The self-describing envelope."""

    schema_: Annotated[
        Literal["iglu:streamproc/failed_event/jsonschema/1-0-0"], Meta(description="name of this envelope")
    ]
    data: Annotated[FailedEventData, Meta(description="the refused record")]


_PROCESSOR: Final = Processor("streamproc", __version__)
_NO_ENVELOPE: Final = (
    "streamproc failed on writing down what is wrong here; report it. The source topic has the whole record."
)


def failed_record(
    failure: Failure,
    *,
    topic: str,
    partition: int,
    key: bytes | None,
    value: bytes | None,
    timestamp_ms: int,
) -> OutRecord:
    """The envelope of the record at `topic` (name without a prefix) / `partition` / `failure.offset`.

    `timestamp_ms` is the Kafka record's own. The envelope's key is the source key, so that a customer's
    failures stay in order; without one, or with a huge one, it is the failure's id.
    """
    payload = value or b""
    key_encoding, key_text, _ = _as_text(key or b"", KEY_BYTES_MAX)
    encoding, raw, truncated = _as_text(payload, RAW_BYTES_MAX)
    return _enveloped(
        Problem(failure.reason, failure.field, failure.message),
        Source(
            topic=topic,
            partition=partition,
            offset=failure.offset,
            key=None if key is None else key_text,
            key_encoding=key_encoding,
            timestamp_ms=timestamp_ms,
        ),
        Payload(hashlib.sha256(payload).hexdigest(), len(payload), encoding, raw, truncated),
        key if key and len(key) <= KEY_BYTES_MAX else None,
    )


def bare_failed_record(
    *, topic: str, partition: int, offset: int, value: bytes | None, timestamp_ms: int
) -> OutRecord:
    """The envelope, without key and content, of a record on which `failed_record` fails: a defect of ours."""
    payload = value or b""
    return _enveloped(
        Problem(FailureReason.NOT_PROCESSED, "$", _NO_ENVELOPE),
        Source(topic, partition, offset, None, "utf8", timestamp_ms),
        Payload(hashlib.sha256(payload).hexdigest(), len(payload), "utf8", "", truncated=True),
        None,
    )


def _enveloped(problem: Problem, source: Source, payload: Payload, key: bytes | None) -> OutRecord:
    # With the digest: a topic that was deleted and made anew counts its offsets from 0 again.
    id_ = stable_id("failed", source.topic, source.partition, source.offset, payload.sha256)
    event = FailedEvent(SCHEMA, FailedEventData(id_, problem, source, payload, _PROCESSOR))
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id_.encode()),
        ("ce_source", b"/streamproc/events.failed"),
        ("ce_type", b"io.streamproc.event.failed"),
        ("ce_causationid", f"{source.topic}/{source.partition}/{source.offset}".encode()),
        ("content-type", b"application/json"),
    ]
    return OutRecord(TOPIC, key or id_.encode(), headers, _ENCODER.encode(event))


def _as_text(content: bytes, bytes_max: int) -> tuple[Encoding, str, bool]:
    """At most `bytes_max` bytes as text, or as base64 if they are no UTF-8; and whether that cut anything."""
    head = content[:bytes_max]
    truncated = len(head) < len(content)
    try:
        return "utf8", head.decode(), truncated
    except UnicodeDecodeError as error:
        # The cut may have gone through the last character.
        if truncated and error.start >= len(head) - 3:
            return "utf8", head[: error.start].decode(), True
        return "base64", base64.b64encode(head).decode(), truncated
