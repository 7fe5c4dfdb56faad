"""Windows summed, customer by customer.

A *lane* is what some window features sum: the panes of one tier and one or more series, or the active days, which count
as panes of a day. It is walked once for all of them, from now back, and summed up on the way.
"""

ctypedef long long i64
ctypedef unsigned long long u64

cdef extern from *:
    int _lowest_bit "__builtin_ctzll"(u64 word) nogil

cdef enum:
    TIERS_MAX = 3
    KIND_SHIFT = 32  # a pane's key is tier | series | pane, as in `windows.panes`
    TIER_SHIFT = 8
    KINDS = TIERS_MAX << TIER_SHIFT
    AGES = 128  # the days of the bitmap, and more panes than any tier keeps
    WORD_BITS = 64

cdef i64 PANE_MASK = 0xFFFFFFFF
cdef i64 INF = 0x7FFFFFFFFFFFFFFF


cdef struct Pane:  # `panes.PANE_DTYPE`
    i64 row
    i64 key
    i64 count
    i64 value


ctypedef const Pane* PaneAt


cdef struct Days:  # the fields of `table.HEAD_DTYPE` from `last_day` on
    i64 last
    u64 low
    u64 high


cdef struct Lane:  # what the panes down to each one hold together; the newest first
    Py_ssize_t size
    i64[AGES] age
    i64[2][AGES] total  # of counts, of values


cdef struct Room:
    PaneAt first  # of the customer
    PaneAt[KINDS] end  # of each tier and series, after the last one up to now; not after `first`: there is none
    i64[AGES] counts  # by age, of several series; zeros in between
    i64[AGES] values
    Lane lane


def sum_windows(
    const i64[:, ::1] panes,
    const i64[:, ::1] newest,
    const i64[::1] widths_ms,
    const i64[:, ::1] heads,
    Py_ssize_t last_day,
    const i64[:, ::1] lanes,
    const i64[:, ::1] windows,
    const i64[:, ::1] questions,
    i64[:, ::1] values,
    i64[:, ::1] changes_ms,
    i64[:, ::1] falls_ms,
    i64[::1] unfolds_ms,
):
    """Sum f windows of n customers, and say when they change.

    `panes`: sorted. `newest`: [tiers, n], the panes of now. `heads`: [n, words], with last active day and bitmap from
    the word `last_day` on. `lanes`: (tier; a bit per series, none: active days; panes of the longest window).
    `windows`: (lane, panes, 0 for counts or 1 for values, place among `values`), by lane and then by panes.
    `questions`: (window, bound, place among `falls_ms`), by window.
    Fills `values`: [f, n]; `changes_ms`: [f, n], when the oldest pane leaves, INF: there is none; `falls_ms`: [q, n],
    from when on a sum is below a bound above 0, INF: it is already; and `unfolds_ms`: [n], when the first pane from the
    future comes in, INF: there is none.
    """
    cdef Room room
    cdef Lane* lane = &room.lane
    cdef Py_ssize_t i, customer, window, question, end, row = 0
    cdef i64 tier, length, now, measure, width_ms
    cdef Py_ssize_t n = unfolds_ms.shape[0]
    if panes.shape[1] * sizeof(i64) != sizeof(Pane) or heads.shape[1] < last_day + 3 or newest.shape[0] != TIERS_MAX:
        raise ValueError("the tables are not what this module knows")
    if not (heads.shape[0] == newest.shape[1] == values.shape[1] == changes_ms.shape[1] == falls_ms.shape[1] == n):
        raise ValueError("not one entry a customer")
    for i in range(KINDS):
        room.end[i] = NULL
    for i in range(AGES):
        room.counts[i] = room.values[i] = 0
    with nogil:
        for customer in range(n):
            row = _find_ends(&room, panes, row, customer, newest, widths_ms, &unfolds_ms[customer])
            end = question = 0
            for window in range(windows.shape[0]):
                i, length, measure = windows[window, 0], windows[window, 1], windows[window, 2]
                tier = lanes[i, 0]
                now, width_ms = newest[tier, customer], widths_ms[tier]
                if window == 0 or windows[window - 1, 0] != i:
                    lane.size = end = 0
                    if lanes[i, 1]:
                        _walk(&room, tier, lanes[i, 1], now, min(lanes[i, 2], AGES))
                    else:
                        _walk_days(lane, <const Days*>&heads[customer, last_day], now, lanes[i, 2])
                while end < lane.size and lane.age[end] < length:
                    end += 1
                i = windows[window, 3]
                values[i, customer] = lane.total[measure][end - 1] if end else 0
                changes_ms[i, customer] = (now - lane.age[end - 1] + length) * width_ms if end else INF
                while question < questions.shape[0] and questions[question, 0] == window:
                    i = _bearer(lane, end, measure, questions[question, 1])
                    falls_ms[questions[question, 2], customer] = (
                        (now - lane.age[i] + length) * width_ms if i >= 0 else INF
                    )
                    question += 1


cdef inline Py_ssize_t _bearer(const Lane* lane, Py_ssize_t end, i64 measure, i64 bound) noexcept nogil:
    """The pane without which the lane down to `end` no longer holds a bound above 0; -1: it does not hold it."""
    cdef Py_ssize_t i = 0
    if bound <= 0 or end == 0 or lane.total[measure][end - 1] < bound:
        return -1
    while lane.total[measure][i] < bound:
        i += 1
    return i


cdef Py_ssize_t _find_ends(
    Room* room, const i64[:, ::1] panes, Py_ssize_t row, i64 customer,
    const i64[:, ::1] newest, const i64[::1] widths_ms, i64* unfolds_ms,
) noexcept nogil:
    """Find a customer's panes from `row` on; returns the row after them."""
    cdef PaneAt pane = <PaneAt>&panes[0, 0] + row
    cdef i64 kind, tier
    room.first = pane
    unfolds_ms[0] = INF
    while row < panes.shape[0] and pane.row == customer:
        kind = pane.key >> KIND_SHIFT
        if 0 <= kind < KINDS:
            tier = kind >> TIER_SHIFT
            if pane.key & PANE_MASK <= newest[tier, customer]:
                room.end[kind] = pane + 1
            else:
                unfolds_ms[0] = min(unfolds_ms[0], (pane.key & PANE_MASK) * widths_ms[tier])
        row += 1
        pane += 1
    return row


cdef void _walk(Room* room, i64 tier, u64 series, i64 now, i64 reach) noexcept nogil:
    """The panes of one or more series, down to an age."""
    cdef PaneAt pane
    cdef i64 kind, age, oldest = -1
    cdef bint alone = series & (series - 1) == 0
    while series:
        kind = tier << TIER_SHIFT | _lowest_bit(series)
        series &= series - 1
        pane = room.end[kind]
        while pane > room.first and (pane - 1).key >> KIND_SHIFT == kind:
            pane -= 1
            age = now - (pane.key & PANE_MASK)
            if age >= reach:
                break
            if alone:
                _append(&room.lane, age, pane.count, pane.value)
            else:
                room.counts[age] += pane.count
                room.values[age] += pane.value
                oldest = max(oldest, age)
    for age in range(oldest + 1):
        if room.counts[age]:
            _append(&room.lane, age, room.counts[age], room.values[age])
            room.counts[age] = room.values[age] = 0


cdef void _walk_days(Lane* lane, const Days* days, i64 now, i64 reach) noexcept nogil:
    cdef int half
    cdef i64 age
    cdef u64 word
    for half in range(2):
        word = days.high if half else days.low
        while word:
            age = now - days.last + half * WORD_BITS + _lowest_bit(word)
            if age >= reach:
                return
            if age >= 0:
                _append(lane, age, 1, 0)
            word &= word - 1


cdef inline void _append(Lane* lane, i64 age, i64 count, i64 value) noexcept nogil:
    cdef Py_ssize_t at = lane.size
    if at < AGES:
        lane.age[at] = age
        lane.total[0][at] = lane.total[0][at - 1] + count if at else count
        lane.total[1][at] = lane.total[1][at - 1] + value if at else value
        lane.size += 1
