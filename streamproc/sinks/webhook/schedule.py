"""What an answer means, and when the next attempt is made. Pure: chance and time are arguments."""

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, Literal

Result = Literal["2xx", "1xx", "3xx", "4xx", "5xx", "gone", "timeout", "connection", "certificate", "address"]
#: In the order of the metrics' documentation; `2xx` alone is a delivery.
RESULTS: Final[tuple[Result, ...]] = (
    "2xx",
    "1xx",
    "3xx",
    "4xx",
    "5xx",
    "gone",
    "timeout",
    "connection",
    "certificate",
    "address",
)

_GROWTH: Final = 3
_PAUSE_MAX_MS: Final = 4 * 3_600_000
#: A pause is drawn from this part of it below and above.
_JITTER: Final = 0.2
#: No receiver can put off more than that.
_RETRY_AFTER_MAX_MS: Final = 24 * 3_600_000
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
#: These say that the receiver as a whole has enough for the moment.
_THROTTLING: Final = (429, 503)
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt. `status` 0: no answer. `retry_after_ms`: the receiver's wish, 0 for none."""

    result: Result
    detail: str
    status: int = 0
    retry_after_ms: int = 0

    @property
    def delivered(self) -> bool:
        """Whether the receiver has it."""
        return self.result == "2xx"

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing any more."""
        return self.result == "gone"

    @property
    def ill(self) -> bool:
        """Whether it says something about the receiver rather than about the message."""
        return not self.delivered and (self.result not in ("3xx", "4xx") or self.status in _THROTTLING)

    @property
    def pause_all_ms(self) -> int:
        """So long nothing at all shall be sent."""
        return self.retry_after_ms if self.status in _THROTTLING else 0


def answer_of(status: int, retry_after: str | None, detail: str, now_ms: int) -> Answer:
    """The answer of a receiver that answered. Everything but 2xx is a failure; redirects are not followed."""
    if status == _GONE:
        return Answer("gone", detail, status)
    results: dict[int, Result] = {1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx"}
    return Answer(results.get(status // 100, "5xx"), detail, status, parse_retry_after(retry_after, now_ms))


def parse_retry_after(text: str | None, now_ms: int) -> int:
    """How long to wait, in ms, by seconds or by an HTTP date; 0 for none, for the past and for what is neither."""
    if text is None:
        return 0
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(int(text) * 1000, _RETRY_AFTER_MAX_MS)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0
    if at.tzinfo is None:  # "-0000": UTC
        at = at.replace(tzinfo=UTC)
    return min(max(int(at.timestamp() * 1000) - now_ms, 0), _RETRY_AFTER_MAX_MS)


def pause_ms(attempts: int, first_ms: int) -> int:
    """The pause after so many failed attempts (from 1), before chance: it triples, up to four hours."""
    return min(first_ms * int(_GROWTH ** min(attempts - 1, 40)), _PAUSE_MAX_MS)


def next_attempt_ms(attempts: int, answer: Answer, now_ms: int, *, first_ms: int, chance: float) -> int:
    """When to try again after `attempts` failed ones. `chance`: a random number of [0, 1), for each attempt another."""
    pause = pause_ms(attempts, first_ms) * (1 + _JITTER * (2 * chance - 1))
    return now_ms + max(int(pause), answer.retry_after_ms)
