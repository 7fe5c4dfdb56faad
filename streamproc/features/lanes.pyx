"""Windows summed, customer by customer.

A *lane* is what some window features sum: the panes of one tier and one or more series, or the active days, which count
as panes of a day. Its panes stand in the order of time, up to now.
"""

ctypedef long long i64
ctypedef unsigned long long u64

cdef enum:
    # A pane is (row, key, count, value), and its key tier | series | pane, as in `windows.panes`.
    KEY = 1
    COUNT = 2
    FIELDS = 4
    SERIES_SHIFT = 32
    TIER_SHIFT = 40
    SERIES_MASK = 0xFF
    TIERS_MAX = 3
    SERIES_MAX = 32
    AGES = 128  # the days of the bitmap, and more panes than any tier keeps
    WORD_BITS = 64

cdef i64 PANE_MASK = 0xFFFFFFFF
cdef i64 INF = 0x7FFFFFFFFFFFFFFF


cdef struct Run:
    const i64* first
    const i64* end


cdef struct Room:
    Run[TIERS_MAX * SERIES_MAX] runs  # the customer's panes of one tier and series
    i64[AGES] counts  # by age, of several series; zeros in between
    i64[AGES] values
    i64[AGES * FIELDS] joined


def survey(
    const i64[:, ::1] panes,
    const i64[:, ::1] newest,
    const i64[::1] widths_ms,
    i64[::1] begin,
    i64[::1] unfolds_ms,
):
    """Find where each of n customers' panes begin (`begin`: [n + 1]), and when the first one from the future does.

    `panes`: sorted. `newest`: [tiers, n], the panes of now.
    """
    cdef Py_ssize_t customer, row = 0
    cdef i64 tier, pane
    if panes.shape[1] != FIELDS:
        raise ValueError("panes have four fields")
    with nogil:
        for customer in range(unfolds_ms.shape[0]):
            begin[customer] = row
            unfolds_ms[customer] = INF
            while row < panes.shape[0] and panes[row, 0] == customer:
                tier, pane = panes[row, KEY] >> TIER_SHIFT, panes[row, KEY] & PANE_MASK
                if pane > newest[tier, customer]:
                    unfolds_ms[customer] = min(unfolds_ms[customer], pane * widths_ms[tier])
                row += 1
        begin[unfolds_ms.shape[0]] = row


def sum_windows(
    const i64[:, ::1] panes,
    const i64[::1] begin,
    const i64[:, ::1] newest,
    const i64[:, ::1] days,
    const i64[:, ::1] lanes,
    const i64[:, ::1] windows,
    const i64[:, ::1] questions,
    i64[:, ::1] sums,
    i64[:, ::1] oldest,
    i64[:, ::1] leaving,
):
    """Sum w windows of n customers, and say when they fall below some bounds.

    `days`: [n, 3], last active day and the bitmap back from it. `lanes`: (tier, a bit per series; none: active days).
    `windows`: (lane, panes, 0 for counts or 1 for values), by lane. `questions`: (window, bound), by window.
    Fills `sums`: [w, n]; `oldest`: [w, n], the oldest pane inside, -1: there is none; and `leaving`: [q, n], the pane
    without which a sum is below a bound above 0, -1: it is already.
    """
    cdef Room room
    cdef Run lane
    cdef const i64* pane
    cdef Py_ssize_t customer, window, question
    cdef i64 found, inside = 0, outside, total
    for window in range(AGES):
        room.counts[window] = room.values[window] = 0
    with nogil:
        for customer in range(begin.shape[0] - 1):
            _find_runs(&room, panes, begin[customer], begin[customer + 1])
            found, question = -1, 0
            for window in range(windows.shape[0]):
                if windows[window, 0] != found:
                    found = windows[window, 0]
                    inside = newest[lanes[found, 0], customer]
                    lane = _lane(&room, lanes[found, 0], lanes[found, 1], inside, days, customer)
                outside = inside - windows[window, 1]
                pane, total = lane.end, 0
                while pane > lane.first and pane[KEY - FIELDS] & PANE_MASK > outside:
                    pane -= FIELDS
                    total += pane[COUNT + windows[window, 2]]
                sums[window, customer] = total
                oldest[window, customer] = pane[KEY] & PANE_MASK if pane < lane.end else -1
                while question < questions.shape[0] and questions[question, 0] == window:
                    leaving[question, customer] = -1
                    if total >= questions[question, 1] > 0:
                        leaving[question, customer] = _leaving(lane, windows[window, 2], questions[question, 1])
                    question += 1


cdef inline i64 _leaving(Run lane, i64 measure, i64 bound) noexcept nogil:
    """The latest pane from which on the lane holds at least `bound`."""
    cdef const i64* pane = lane.end
    cdef i64 total = 0
    while total < bound:
        pane -= FIELDS
        total += pane[COUNT + measure]
    return pane[KEY] & PANE_MASK


cdef void _find_runs(Room* room, const i64[:, ::1] panes, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t kind
    cdef i64 key
    for kind in range(TIERS_MAX * SERIES_MAX):
        room.runs[kind].first = room.runs[kind].end = NULL
    while row < end:
        key = panes[row, KEY]
        kind = (key >> TIER_SHIFT) * SERIES_MAX + (key >> SERIES_SHIFT & SERIES_MASK)
        if room.runs[kind].first == NULL:
            room.runs[kind].first = &panes[row, 0]
        room.runs[kind].end = &panes[row, 0] + FIELDS
        row += 1


cdef Run _lane(
    Room* room, i64 tier, u64 series, i64 newest, const i64[:, ::1] days, Py_ssize_t customer
) noexcept nogil:
    cdef Run run
    cdef Py_ssize_t kind = tier * SERIES_MAX
    if series == 0:
        return _active_days(room, days[customer, 0], days[customer, 1], days[customer, 2], newest)
    if series & (series - 1):
        return _joined(room, kind, series, newest)
    while series > 1:
        series >>= 1
        kind += 1
    run = room.runs[kind]
    while run.end > run.first and run.end[KEY - FIELDS] & PANE_MASK > newest:
        run.end -= FIELDS
    return run


cdef Run _joined(Room* room, Py_ssize_t kind, u64 series, i64 newest) noexcept nogil:
    """The panes of several series together."""
    cdef const i64* pane
    cdef i64 age, oldest_age = -1
    cdef Run run = Run(&room.joined[0], &room.joined[0])
    while series:
        if series & 1:
            pane = room.runs[kind].first
            while pane < room.runs[kind].end:
                age = newest - (pane[KEY] & PANE_MASK)
                if 0 <= age < AGES:
                    room.counts[age] += pane[COUNT]
                    room.values[age] += pane[COUNT + 1]
                    oldest_age = max(oldest_age, age)
                pane += FIELDS
        series >>= 1
        kind += 1
    for age in range(oldest_age, -1, -1):
        if room.counts[age]:
            run.end = _append(run.end, newest - age, room.counts[age], room.values[age])
            room.counts[age] = room.values[age] = 0
    return run


cdef Run _active_days(Room* room, i64 last_day, u64 low, u64 high, i64 newest) noexcept nogil:
    cdef i64 age
    cdef Run run = Run(&room.joined[0], &room.joined[0])
    for age in range(AGES - 1, -1, -1):
        if (low if age < WORD_BITS else high) >> age % WORD_BITS & 1 and last_day - age <= newest:
            run.end = _append(run.end, last_day - age, 1, 0)
    return run


cdef inline const i64* _append(const i64* end, i64 pane, i64 count, i64 value) noexcept nogil:
    cdef i64* own = <i64*>end
    own[KEY], own[COUNT], own[COUNT + 1] = pane, count, value
    return end + FIELDS
