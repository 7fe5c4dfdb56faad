"""Windows summed customer by customer. Compiled by Cython, see setup.py.

A *lane* is what some window features sum: the panes of one tier and one or more series, or the active days, which count
as panes of a day. `Lanes` finds one customer's lanes, whichever is asked for, in the order of time and up to now.
"""

import cython

# A pane's key is tier | series | pane, as in `windows.panes`.
_SERIES_SHIFT = cython.declare(cython.int, 32)
_TIER_SHIFT = cython.declare(cython.int, 40)
_SERIES_MASK = cython.declare(cython.longlong, 0xFF)
_PANE_MASK = cython.declare(cython.longlong, 0xFFFFFFFF)
#: Series of a tier, at most: a set of series is a number of 64 bits.
_SERIES = cython.declare(cython.int, 64)
_WORD_BITS = cython.declare(cython.int, 64)

#: Ages that are told apart: the days of the bitmap, and more than any tier keeps.
_AGES = cython.declare(cython.int, 128)

# Fields of a pane: its row, its key, its count, its value.
_PANE = cython.declare(cython.int, 1)
_COUNT = cython.declare(cython.int, 2)
_INF = cython.declare(cython.longlong, 0x7FFFFFFFFFFFFFFF)


@cython.ccall
def survey(
    panes: cython.longlong[:, ::1],
    newest: cython.longlong[:, ::1],
    widths_ms: cython.longlong[::1],
    begin: cython.longlong[::1],
    unfolds_ms: cython.longlong[::1],
) -> None:
    """Find where each of n customers' panes begin (`begin`: [n + 1]) and when the first one from the future does.

    `panes`: (row, key, count, value), sorted. `newest`: [tiers, n], the panes of now.
    """
    customer: cython.Py_ssize_t
    row: cython.Py_ssize_t = 0
    tier: cython.longlong
    pane: cython.longlong
    for customer in range(unfolds_ms.shape[0]):
        begin[customer] = row
        unfolds_ms[customer] = _INF
        while row < panes.shape[0] and panes[row, 0] == customer:
            tier, pane = panes[row, _PANE] >> _TIER_SHIFT, panes[row, _PANE] & _PANE_MASK
            if pane > newest[tier, customer]:
                unfolds_ms[customer] = min(unfolds_ms[customer], pane * widths_ms[tier])
            row += 1
    begin[unfolds_ms.shape[0]] = row


@cython.final
@cython.cclass
class Lanes:
    """The lanes of n customers. `lane_tier`, `lane_series`: of each lane; `lane_series`: a bit per series, 0: active days."""

    panes: cython.longlong[:, ::1]
    begin: cython.longlong[::1]
    newest: cython.longlong[:, ::1]
    days: cython.longlong[:, ::1]
    lane_tier: cython.longlong[::1]
    lane_series: cython.longlong[::1]
    #: By tier and series, where the panes of the customer turned to begin and end.
    runs: cython.longlong[:, ::1]
    #: By age, count and value of panes of several series; then the same as rows.
    by_age: cython.longlong[:, ::1]
    joined: cython.longlong[:, ::1]
    #: The lane found: rows from `first` to `end` of `rows`.
    rows: cython.longlong[:, ::1]
    first: cython.Py_ssize_t
    end: cython.Py_ssize_t

    def __init__(
        self,
        panes: cython.longlong[:, ::1],
        begin: cython.longlong[::1],
        newest: cython.longlong[:, ::1],
        days: cython.longlong[:, ::1],
        lane_tier: cython.longlong[::1],
        lane_series: cython.longlong[::1],
        room: cython.longlong[:, ::1],
    ) -> None:
        """`days`: [n, 3], the last active day and the bitmap back from it. `room`: zeros
        [tiers * 64 + 2 * 128, 4] to work in."""
        self.panes, self.begin, self.newest, self.days = panes, begin, newest, days
        self.lane_tier, self.lane_series = lane_tier, lane_series
        kinds: cython.Py_ssize_t = newest.shape[0] * _SERIES
        self.runs, self.by_age, self.joined = room[:kinds], room[kinds : kinds + _AGES], room[kinds + _AGES :]

    @cython.cfunc
    @cython.exceptval(check=False)
    def turn_to(self, customer: cython.Py_ssize_t) -> cython.void:
        row: cython.Py_ssize_t
        kind: cython.Py_ssize_t
        for kind in range(self.runs.shape[0]):
            self.runs[kind, 0] = self.runs[kind, 1] = 0
        for row in range(self.begin[customer], self.begin[customer + 1]):
            kind = (self.panes[row, _PANE] >> _TIER_SHIFT) * _SERIES
            kind += self.panes[row, _PANE] >> _SERIES_SHIFT & _SERIES_MASK
            if self.runs[kind, 1] == 0:
                self.runs[kind, 0] = row
            self.runs[kind, 1] = row + 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def find(self, customer: cython.Py_ssize_t, lane: cython.Py_ssize_t) -> cython.void:
        """A lane of the customer turned to, up to now."""
        series: cython.longlong = self.lane_series[lane]
        newest: cython.longlong = self.newest[self.lane_tier[lane], customer]
        kind: cython.Py_ssize_t = self.lane_tier[lane] * _SERIES
        if series == 0:
            self.join_days(customer, newest)
        elif series & (series - 1):
            self.join_series(kind, series, newest)
        else:
            while series > 1:
                series >>= 1
                kind += 1
            self.rows, self.first, self.end = self.panes, self.runs[kind, 0], self.runs[kind, 1]
            while self.end > self.first and self.panes[self.end - 1, _PANE] & _PANE_MASK > newest:
                self.end -= 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def join_series(
        self, kind: cython.Py_ssize_t, series: cython.longlong, newest: cython.longlong
    ) -> cython.void:
        row: cython.Py_ssize_t
        age: cython.longlong
        oldest_age: cython.longlong = -1
        while series > 0:
            if series & 1:
                for row in range(self.runs[kind, 0], self.runs[kind, 1]):
                    age = newest - (self.panes[row, _PANE] & _PANE_MASK)
                    if 0 <= age < _AGES:
                        self.by_age[age, 0] += self.panes[row, _COUNT]
                        self.by_age[age, 1] += self.panes[row, _COUNT + 1]
                        oldest_age = max(oldest_age, age)
            series >>= 1
            kind += 1
        self.rows, self.first, self.end = self.joined, 0, 0
        for age in range(oldest_age, -1, -1):
            if self.by_age[age, 0] > 0:
                self.join(newest - age, self.by_age[age, 0], self.by_age[age, 1])
                self.by_age[age, 0] = self.by_age[age, 1] = 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def join_days(self, customer: cython.Py_ssize_t, newest: cython.longlong) -> cython.void:
        age: cython.longlong
        day: cython.longlong
        bits: cython.longlong
        self.rows, self.first, self.end = self.joined, 0, 0
        for age in range(_AGES - 1, -1, -1):
            bits = self.days[customer, 1] if age < _WORD_BITS else self.days[customer, 2]
            day = self.days[customer, 0] - age
            if bits >> age % _WORD_BITS & 1 and day <= newest:
                self.join(day, 1, 0)

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def join(self, pane: cython.longlong, count: cython.longlong, value: cython.longlong) -> cython.void:
        self.joined[self.end, _PANE], self.joined[self.end, _COUNT], self.joined[self.end, _COUNT + 1] = (
            pane,
            count,
            value,
        )
        self.end += 1


@cython.ccall
def sum_windows(
    lanes: Lanes,
    lane_of: cython.longlong[::1],
    length: cython.longlong[::1],
    measure: cython.longlong[::1],
    sums: cython.longlong[:, ::1],
    oldest: cython.longlong[:, ::1],
) -> None:
    """Sum f windows of n customers: `sums`, and the oldest pane in each, -1 if there is none: int64[f, n].

    Windows of one lane stand together. `lane_of`, `length`, `measure`: of each window its lane, its panes, and 0 for
    counts, 1 for values.
    """
    customer: cython.Py_ssize_t
    window: cython.Py_ssize_t
    row: cython.Py_ssize_t
    lane: cython.longlong
    outside: cython.longlong
    total: cython.longlong
    for customer in range(sums.shape[1]):
        lanes.turn_to(customer)
        lane = -1
        for window in range(sums.shape[0]):
            if lane_of[window] != lane:
                lane = lane_of[window]
                lanes.find(customer, lane)
            outside = lanes.newest[lanes.lane_tier[lane], customer] - length[window]
            row, total = lanes.end, 0
            while row > lanes.first and lanes.rows[row - 1, _PANE] & _PANE_MASK > outside:
                row -= 1
                total += lanes.rows[row, _COUNT + measure[window]]
            sums[window, customer] = total
            oldest[window, customer] = lanes.rows[row, _PANE] & _PANE_MASK if row < lanes.end else -1


@cython.ccall
def leaving_panes(
    lanes: Lanes,
    lane_of: cython.longlong[::1],
    length: cython.longlong[::1],
    measure: cython.longlong[::1],
    bound: cython.longlong[::1],
    leaving: cython.longlong[:, ::1],
) -> None:
    """Of q windows that may reach a bound, the pane without which each would not: int64[q, n]; -1: it does not now.

    As `sum_windows`; q bounds, none of them negative.
    """
    customer: cython.Py_ssize_t
    window: cython.Py_ssize_t
    row: cython.Py_ssize_t
    lane: cython.longlong
    outside: cython.longlong
    total: cython.longlong
    for customer in range(leaving.shape[1]):
        lanes.turn_to(customer)
        lane = -1
        for window in range(leaving.shape[0]):
            if lane_of[window] != lane:
                lane = lane_of[window]
                lanes.find(customer, lane)
            outside = lanes.newest[lanes.lane_tier[lane], customer] - length[window]
            row, total = lanes.end, 0
            while (
                total < bound[window]
                and row > lanes.first
                and lanes.rows[row - 1, _PANE] & _PANE_MASK > outside
            ):
                row -= 1
                total += lanes.rows[row, _COUNT + measure[window]]
            reached: cython.bint = total >= bound[window] and bound[window] > 0
            leaving[window, customer] = lanes.rows[row, _PANE] & _PANE_MASK if reached else -1
