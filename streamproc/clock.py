"""The only module that reads a clock. Everything else takes the time as an argument."""

import time


def wall_ms() -> int:
    """The wall clock, in ms since 1970 (UTC)."""
    return time.time_ns() // 1_000_000


def monotonic_s() -> float:
    """A clock that never jumps, for durations, in seconds."""
    return time.monotonic()
