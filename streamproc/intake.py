"""Records of source topics, decoded: what is no event becomes a failure, and what the program itself fails on, too."""

from collections.abc import Sequence, Set
from typing import Any, Final, NamedTuple

from streamproc.contracts.decode import Decoded, decode_chunk
from streamproc.contracts.failures import FailureReason
from streamproc.contracts.meanings import Meanings
from streamproc.metrics import Metrics
from streamproc.sources import origins_of, whole_failure


class Intake:
    """Decodes for one shard.

    `corrects_skew`: times are set right by when a record was sent. `unprocessable`: (topic, offset) of records on which
    the program has failed; they are refused.
    """

    def __init__(self, metrics: Metrics, unprocessable: Set[tuple[int, int]], *, corrects_skew: bool) -> None:
        self._metrics, self._unprocessable = metrics, unprocessable
        self._corrects_skew = corrects_skew

    def decode(self, topic: int, records: Sequence[Any], meanings: Meanings, wall_now_ms: int) -> Decoded:
        """Events and failures. Bad records raise nothing. `wall_now_ms` decides what lies in the future."""
        decode = self._decode_but_unprocessable if self._unprocessable else self._decode
        decoded = decode(topic, records, meanings, wall_now_ms)
        self._metrics.count("events_unknown_name_total", decoded.unknown_names)
        self._metrics.count("currency_mismatches_total", decoded.currency_mismatches)
        self._metrics.count("time_zones_unknown_total", decoded.unknown_zones)
        return decoded

    def fails_on(self, topic: int, record: Any, meanings: Meanings, wall_now_ms: int) -> bool:
        """Whether a record makes `decode` raise, which none should."""
        try:
            self._decode(topic, [record], meanings, wall_now_ms)
        except Exception:
            return True
        return False

    def _decode(self, topic: int, records: Sequence[Any], meanings: Meanings, wall_now_ms: int) -> Decoded:
        return decode_chunk(
            records,
            topic=topic,
            origin=origins_of(topic, records),
            meanings=meanings,
            wall_now_ms=wall_now_ms,
            correct_skew=self._corrects_skew,
        )

    def _decode_but_unprocessable(
        self, topic: int, records: Sequence[Any], meanings: Meanings, wall_now_ms: int
    ) -> Decoded:
        """As `_decode`; records on which the program has failed are failures."""
        refused = {
            place for place, record in enumerate(records) if (topic, record.offset) in self._unprocessable
        }
        kept = [_NOTHING if place in refused else record for place, record in enumerate(records)]
        decoded = self._decode(topic, kept, meanings, wall_now_ms)
        decoded.failures = [
            whole_failure(
                records[failure.position], FailureReason.NOT_PROCESSED, _NOT_PROCESSED, failure.position
            )
            if failure.position in refused
            else failure
            for failure in decoded.failures
        ]
        return decoded


class _NoValue(NamedTuple):
    """Stands for a record that is not to be decoded."""

    offset: int = -1
    key: bytes | None = None
    value: bytes | None = None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


_NOTHING: Final = _NoValue()
_NOT_PROCESSED: Final = (
    "streamproc failed on this event, which is fine; report it, and replay it once that is mended."
)
