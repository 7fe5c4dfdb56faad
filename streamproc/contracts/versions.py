"""A signal's version: how often the shard's Redis lost acknowledged writes, then the customer's own count."""

from typing import Final

import msgspec

from streamproc.contracts.outbox import Headers, OutRecord
from streamproc.contracts.signal_types import SIGNAL_TOPICS

#: Both halves are one integer that JSON readers keep exact (< 2^53).
_REWIND_SHIFT: Final = 32
_COUNTER_MASK: Final = (1 << _REWIND_SHIFT) - 1
#: The header that carries a version.
SEQUENCE: Final = "ce_sequence"
SEQUENCE_LENGTH: Final = 20


def version_of(rewinds: int, counter: int) -> int:
    """The version of signal number `counter` of a customer whose shard was rewound `rewinds` times."""
    return (rewinds << _REWIND_SHIFT) | counter


def sequence_of(digits: bytes) -> bytes:
    """What that header says of a version, given in decimal: 20 digits, so that it sorts as text too."""
    return digits.zfill(SEQUENCE_LENGTH)


def raise_version(record: OutRecord, rewinds: int) -> OutRecord:
    """`record`, of which Redis still holds a copy from before `rewinds`, with the version it has now; the same id.

    Newer signals may have left from a future that this Redis does not know: below them it would be dropped. A record
    that is no signal (a re-keyed event has its producer's headers), or has no older version, is returned as it is.
    """
    if record.topic not in SIGNAL_TOPICS:
        return record
    sequence = next((int(value or b"") for name, value in record.headers if name == SEQUENCE), None)
    if sequence is None or sequence >> _REWIND_SHIFT >= rewinds:
        return record
    version = version_of(rewinds, sequence & _COUNTER_MASK)
    body = msgspec.json.decode(record.value)
    body["context"]["streamproc"]["version"] = version
    headers: Headers = [
        (name, sequence_of(b"%d" % version) if name == SEQUENCE else value) for name, value in record.headers
    ]
    return OutRecord(record.topic, record.key, headers, msgspec.json.encode(body))
