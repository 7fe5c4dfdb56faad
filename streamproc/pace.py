"""A bound on how much background work is done in a second."""


class Pace:
    """At most `per_s` pieces of work a second, whoever does them. What was not done before cannot be made up for."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._open_at_s = 0.0

    def is_open(self, now_s: float) -> bool:
        """Whether more may be done. `now_s`: of a monotonic clock."""
        return now_s >= self._open_at_s

    def spend(self, pieces: int, now_s: float) -> None:
        """So many are done, or are about to be."""
        self._open_at_s = max(self._open_at_s, now_s) + pieces / self._per_s
