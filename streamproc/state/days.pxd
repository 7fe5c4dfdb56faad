"""The days on which a customer has panes, which is what most else in a packed state is told from."""

from libc.string cimport memset

from streamproc.state.bits cimport ONES_32, byte, i64, lowest_one, u64

cdef enum:
    PANE_FIELDS = 4
    TIERS_MAX = 4
    SERIES_MAX = 32
    DAYS_MAX = 256
    DAY_WORDS = 4

ctypedef const i64* Rows


cdef struct Shape:
    const i64* widths_ms  # by tier; the last one's are days
    int tiers
    int series
    int channels  # series below it are channels, whose values are durations; that of the next one is money


cdef struct Days:  # the days on which a customer has panes, and the runs of each series on them
    i64 origin
    int count
    i64[DAYS_MAX] day  # by number
    byte[DAYS_MAX] number  # by day, from the origin on
    i64[SERIES_MAX] counts
    i64[SERIES_MAX] values
    Rows[SERIES_MAX] first
    Py_ssize_t[SERIES_MAX] size


cdef inline void begin_days(Days* days) noexcept nogil:
    days.count = 0
    memset(days.counts, 0, sizeof(days.counts))
    memset(days.values, 0, sizeof(days.values))
    memset(days.size, 0, sizeof(days.size))


cdef inline int number_of_day(const Days* days, i64 day) noexcept nogil:
    """-1: there are no panes on it."""
    cdef int low = 0, high = days.count, middle
    while low < high:
        middle = (low + high) >> 1
        if days.day[middle] < day:
            low = middle + 1
        else:
            high = middle
    return low if low < days.count and days.day[low] == day else -1


cdef inline i64 last_day(const Days* days, i64 series) noexcept nogil:
    """On which there are panes of a series; -1: there are none."""
    return days.first[series][PANE_FIELDS * (days.size[series] - 1) + 1] & <i64>ONES_32 if days.size[series] else -1


cdef inline bint number_days(Days* days, const i64* pane, const i64* last) noexcept nogil:
    """Number the days of some panes; not if they are too far apart, which days within a window are not."""
    cdef u64[DAY_WORDS] seen
    cdef u64 bit, left = 0
    cdef int word = 0
    if pane == last:
        return False
    days.origin = (pane[1] & <i64>ONES_32) - DAYS_MAX // 2
    memset(seen, 0, sizeof(seen))
    while pane < last:
        bit = <u64>(pane[1] & <i64>ONES_32) - <u64>days.origin
        if bit >= DAYS_MAX:
            return False
        if <int>(bit >> 6) != word:
            seen[word] |= left
            word, left = <int>(bit >> 6), 0
        left |= <u64>1 << (bit & 63)
        pane += PANE_FIELDS
    seen[word] |= left
    for word in range(DAY_WORDS):
        left = seen[word]
        while left:
            bit = 64 * word + lowest_one(left)
            days.day[days.count] = days.origin + <i64>bit
            days.number[bit] = <byte>days.count
            days.count += 1
            left &= left - 1
    return True


cdef inline void sum_up(
    Days* days, i64 series, const i64* pane, Py_ssize_t size, u64 count, bint earned
) noexcept nogil:
    """Note the run of a series; `earned`: its values add up."""
    cdef u64 value = 0
    cdef Py_ssize_t i
    for i in range(size if earned else 0):
        value += <u64>pane[PANE_FIELDS * i + 3]
    days.first[series], days.size[series] = pane, size
    days.counts[series], days.values[series] = <i64>count, <i64>value
