"""The envelope of a failed event."""

import base64
import hashlib
import json

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc import __version__
from streamproc.contracts.export import json_schema
from streamproc.contracts.failed import (
    KEY_BYTES_MAX,
    RAW_BYTES_MAX,
    FailedEvent,
    bare_failed_record,
    failed_record,
)
from streamproc.contracts.failures import Failure, FailureReason
from streamproc.contracts.outbox import OutRecord

FAILURE = Failure(
    position=7, offset=42, reason=FailureReason.NOT_JSON, field="$", message="The value is not JSON: x."
)
SCHEMA = jsonschema.Draft202012Validator(json_schema("events.failed"))


def _record(value: bytes | None, key: bytes | None = b"u1") -> OutRecord:
    return failed_record(FAILURE, topic="events.web", partition=3, key=key, value=value, timestamp_ms=1_000)


def test_the_whole_record_is_frozen() -> None:
    """Reprocessing gives the same bytes, also after an upgrade but for the version."""
    record = _record(b"{oops")
    assert (record.topic, record.key) == ("events.failed", b"u1")
    assert record.headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"2114bfef3d504034606a80f0ac6974d9"),
        ("ce_source", b"/streamproc/events.failed"),
        ("ce_type", b"io.streamproc.event.failed"),
        ("ce_causationid", b"events.web/3/42"),
        ("content-type", b"application/json"),
    ]
    assert record.value.decode() == (
        '{"schema":"iglu:streamproc/failed_event/jsonschema/1-0-0","data":{"id":"2114bfef3d504034606a80f0ac6974d9",'
        '"failure":{"reason":"not_json","field":"$","message":"The value is not JSON: x."},'
        '"source":{"topic":"events.web","partition":3,"offset":42,"key":"u1","key_encoding":"utf8",'
        '"timestamp_ms":1000},'
        f'"payload":{{"sha256":"{hashlib.sha256(b"{oops").hexdigest()}","bytes":5,"encoding":"utf8",'
        '"raw":"{oops","truncated":false},'
        f'"processor":{{"name":"streamproc","version":"{__version__}"}}}}}}'
    )


def test_the_id_is_that_of_the_source_record() -> None:
    """Its place and what it held (a topic made anew counts from 0 again), not the reason."""

    def id_of(record: OutRecord) -> bytes | None:
        return dict(record.headers)["ce_id"]

    other = msgspec.structs.replace(FAILURE, reason=FailureReason.EMPTY, position=0)
    again = failed_record(other, topic="events.web", partition=3, key=None, value=b"{oops", timestamp_ms=0)
    assert id_of(again) == id_of(_record(b"{oops"))
    elsewhere = failed_record(
        other, topic="events.app", partition=3, key=None, value=b"{oops", timestamp_ms=0
    )
    assert id_of(elsewhere) != id_of(again) != id_of(_record(b"[oops"))


@pytest.mark.parametrize("key", [None, b"", b"k" * (KEY_BYTES_MAX + 1)])
def test_without_a_usable_key_the_id_is_the_key(key: bytes | None) -> None:
    """So that such failures spread over the partitions, and a huge key does no harm."""
    record = _record(b"x", key)
    assert record.key == dict(record.headers)["ce_id"]
    source = json.loads(record.value)["data"]["source"]
    assert source["key"] == (None if key is None else key[:KEY_BYTES_MAX].decode())


def test_a_long_payload_is_cut_between_characters() -> None:
    """Hash and size are those of the whole."""
    value = ("x" + "é" * RAW_BYTES_MAX).encode()
    payload = json.loads(_record(value).value)["data"]["payload"]
    assert (payload["encoding"], payload["truncated"]) == ("utf8", True)
    assert payload["raw"].encode() == value[: RAW_BYTES_MAX - 1]
    assert (payload["sha256"], payload["bytes"]) == (hashlib.sha256(value).hexdigest(), len(value))


def test_what_is_no_text_is_base64() -> None:
    """Also where the bad byte is at the end of what is not cut."""
    for value in (b"\xff", b"abc\xc3", b"\xff" * (RAW_BYTES_MAX + 1)):
        payload = json.loads(_record(value).value)["data"]["payload"]
        assert payload["encoding"] == "base64"
        assert base64.b64decode(payload["raw"]) == value[:RAW_BYTES_MAX]


def test_the_largest_envelope_fits_a_kafka_record() -> None:
    """Whose default limit is 1 MB: control characters are the worst, six bytes each."""
    assert len(_record(b"\x01" * 10_000_000, b"\x01" * 2_000).value) < 500_000


@settings(deadline=None, max_examples=50)
@given(st.none() | st.binary(max_size=50), st.none() | st.binary(max_size=50))
def test_any_record_has_an_envelope(value: bytes | None, key: bytes | None) -> None:
    """It fits the schema, reads back, and holds the payload and the key."""
    record = _record(value, key)
    SCHEMA.validate(json.loads(record.value))
    data = msgspec.json.decode(record.value, type=FailedEvent).data
    assert _bytes(data.payload.encoding, data.payload.raw) == (value or b"")
    assert (
        data.source.key is None if key is None else _bytes(data.source.key_encoding, data.source.key) == key
    )


def _bytes(encoding: str, text: str | None) -> bytes:
    assert text is not None
    return text.encode() if encoding == "utf8" else base64.b64decode(text)


@pytest.mark.parametrize("value", [None, b"", b"{oops", b"\xff"])
def test_the_bare_envelope_says_where_the_record_stands(value: bytes | None) -> None:
    """It has the id that the whole one would have, and is as valid."""
    record = bare_failed_record(topic="events.web", partition=3, offset=42, value=value, timestamp_ms=1_000)
    whole = _record(value)
    assert dict(record.headers) == dict(whole.headers)
    assert record.key == dict(record.headers)["ce_id"]
    event = json.loads(record.value)
    SCHEMA.validate(event)
    assert event["data"]["payload"]["sha256"] == hashlib.sha256(value or b"").hexdigest()
    assert (event["data"]["failure"]["reason"], event["data"]["source"]["offset"]) == ("not_processed", 42)
