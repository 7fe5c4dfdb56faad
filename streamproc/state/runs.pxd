"""Panes in a packed state: in runs, those of one tier and series in the order of time.

A run is how many kinds (tier and series) are left out before it, its length, when its panes are, their counts, and their
values. Days on which the customer has any panes are told once; the runs of days say which of these are theirs.
"""

from libc.string cimport memset

from streamproc.state.bits cimport (
    ONES_32, Reader, Writer, byte, get, get_number, get_signed, i64, lowest_one, put, put_after, put_number,
    put_signed, spoil, u64, zigzag,
)
from streamproc.state.money cimport get_money, put_money

cdef enum:
    PANE_FIELDS = 4
    PANE_BYTES_MAX = 96
    KIND_SHIFT = 32  # a pane's key is tier | series | pane, as in `windows.panes`
    TIER_SHIFT = 8
    SERIES_MAX = 32
    DAYS_MAX = 256
    DAY_WORDS = 4
    WORD = 56  # bits that are written at once
    DURATION_ORDER = 17  # in ms: two minutes

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


cdef inline bint _number_days(Days* days, const i64* pane, const i64* last) noexcept nogil:
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


cdef inline void _sum_up(Days* days, i64 series, const i64* pane, Py_ssize_t size, bint earned) noexcept nogil:
    cdef u64 count = 0, value = 0
    cdef Py_ssize_t i
    for i in range(size):
        count += <u64>pane[PANE_FIELDS * i + 2]
    for i in range(size if earned else 0):
        value += <u64>pane[PANE_FIELDS * i + 3]
    days.first[series], days.size[series] = pane, size
    days.counts[series], days.values[series] = <i64>count, <i64>value


cdef inline bint _is_mask(Py_ssize_t size, int days) noexcept nogil:
    """Whether so many of these days are told by a bit for each, which is shorter than telling their numbers."""
    return days < 3 * size


cdef inline void put_panes(
    Writer* out, const i64* pane, Py_ssize_t count, Shape shape, i64 base_ms, Days* days
) noexcept nogil:
    cdef const i64* last = pane + count * PANE_FIELDS
    cdef const i64* of_days = pane
    cdef Py_ssize_t size
    cdef i64 kind, tier, series, width_ms = shape.widths_ms[shape.tiers - 1], kinds = 0
    cdef bint is_numbered
    cdef int i
    while of_days < last and of_days[1] >> (KIND_SHIFT + TIER_SHIFT) < shape.tiers - 1:
        of_days += PANE_FIELDS
    is_numbered = _number_days(days, of_days, last)
    put(out, is_numbered, 1)
    if is_numbered:
        put_number(out, days.count - 1, 4)
        put_signed(out, base_ms // width_ms - days.day[0], 6)
        for i in range(1, days.count):
            put_number(out, days.day[i] - days.day[i - 1] - 1, 0)
    while pane < last:
        kind, size = pane[1] >> KIND_SHIFT, 1
        while pane + PANE_FIELDS * size < last and pane[PANE_FIELDS * size + 1] >> KIND_SHIFT == kind:
            size += 1
        tier, series = kind >> TIER_SHIFT, kind & 0xFF
        put_number(out, tier * shape.series + series - kinds, 0)
        kinds = tier * shape.series + series + 1
        put_number(out, size - 1, 1)
        if is_numbered and pane >= of_days:
            _put_numbered(out, pane, size, days)
        else:
            _put_times(out, pane, size, base_ms // shape.widths_ms[tier])
        _put_counts(out, pane, size)
        if series <= shape.channels:
            for i in range(size):
                _put_value(out, pane[PANE_FIELDS * i + 3], series == shape.channels)
        if pane >= of_days:
            _sum_up(days, series, pane, size, series == shape.channels)
        pane += PANE_FIELDS * size


cdef inline void get_panes(
    Reader* source, i64 customer, i64* pane, Py_ssize_t count, Shape shape, i64 base_ms, Days* days
) noexcept nogil:
    cdef i64* last = pane + count * PANE_FIELDS
    cdef Py_ssize_t size
    cdef i64 tier, series, width_ms = shape.widths_ms[shape.tiers - 1], kinds = 0, begin
    cdef u64 number
    cdef bint is_numbered = get(source, 1)
    cdef int i
    if is_numbered:
        number = get_number(source, 4) + 1
        if number > DAYS_MAX:
            spoil(source)
            number = 1
        days.count = <int>number
        days.day[0] = base_ms // width_ms - get_signed(source, 6)
        for i in range(1, days.count):
            days.day[i] = <i64>(<u64>days.day[i - 1] + get_number(source, 0) + 1)
    while pane < last:
        number = get_number(source, 0)
        if number >= <u64>(shape.tiers * shape.series - kinds):
            spoil(source)  # in a damaged state anything may stand; there is room for as many panes as it said
            kinds, number = 0, 0
        kinds += <i64>number + 1
        tier, series = (kinds - 1) // shape.series, (kinds - 1) % shape.series
        number = get_number(source, 1)
        size = (last - pane) // PANE_FIELDS
        if number < <u64>size:
            size = <Py_ssize_t>number + 1
        begin = (tier << TIER_SHIFT | series) << KIND_SHIFT
        if is_numbered and tier == shape.tiers - 1:
            _get_numbered(source, pane, size, begin, days)
        else:
            _get_times(source, pane, size, begin, base_ms // shape.widths_ms[tier])
        _get_counts(source, pane, size)
        for i in range(size):
            pane[PANE_FIELDS * i] = customer
            pane[PANE_FIELDS * i + 3] = 0
            if series <= shape.channels:
                pane[PANE_FIELDS * i + 3] = _get_value(source, series == shape.channels)
        if tier == shape.tiers - 1:
            _sum_up(days, series, pane, size, series == shape.channels)
        pane += PANE_FIELDS * size


cdef inline void _put_times(Writer* out, const i64* pane, Py_ssize_t size, i64 base) noexcept nogil:
    cdef i64 time, expected = pane[1] & <i64>ONES_32
    cdef Py_ssize_t i
    put_signed(out, base - expected, 3)
    for i in range(size):
        time = pane[PANE_FIELDS * i + 1] & <i64>ONES_32
        if i > 0:
            put_number(out, time - expected, 0)
        expected = time + 1


cdef inline void _get_times(Reader* source, i64* pane, Py_ssize_t size, i64 begin, i64 base) noexcept nogil:
    cdef u64 time = <u64>(base - get_signed(source, 3))
    cdef Py_ssize_t i
    for i in range(size):
        if i > 0:
            time += get_number(source, 0) + 1
        pane[PANE_FIELDS * i + 1] = begin | <i64>(time & ONES_32)


cdef inline void _put_numbered(Writer* out, const i64* pane, Py_ssize_t size, Days* days) noexcept nogil:
    cdef u64 mask = 0
    cdef int number, first = 0
    cdef Py_ssize_t i
    if _is_mask(size, days.count):
        for i in range(size):
            number = days.number[(pane[PANE_FIELDS * i + 1] & <i64>ONES_32) - days.origin]
            while number >= first + WORD:
                put(out, mask, WORD)
                mask, first = 0, first + WORD
            mask |= <u64>1 << (number - first)
        while first < days.count:
            put(out, mask, min(days.count - first, WORD))
            mask, first = 0, first + WORD
    else:
        for i in range(size):
            number = days.number[(pane[PANE_FIELDS * i + 1] & <i64>ONES_32) - days.origin]
            put_number(out, number - first, 0 if i > 0 else 2)
            first = number + 1


cdef inline void _get_numbered(Reader* source, i64* pane, Py_ssize_t size, i64 begin, Days* days) noexcept nogil:
    cdef u64 bits, number = 0
    cdef int word
    cdef Py_ssize_t i = 0
    if _is_mask(size, days.count):
        for word in range((days.count + WORD - 1) // WORD):
            bits = get(source, min(days.count - WORD * word, WORD))
            while bits and i < size:
                pane[PANE_FIELDS * i + 1] = begin | (days.day[WORD * word + lowest_one(bits)] & <i64>ONES_32)
                bits &= bits - 1
                i += 1
    else:
        while i < size:
            number += get_number(source, 0 if i > 0 else 2)
            if number >= <u64>days.count:
                break
            pane[PANE_FIELDS * i + 1] = begin | (days.day[number] & <i64>ONES_32)
            number += 1
            i += 1
    if i < size:
        spoil(source)
    while i < size:
        pane[PANE_FIELDS * i + 1] = begin
        i += 1


cdef inline void _put_counts(Writer* out, const i64* pane, Py_ssize_t size) noexcept nogil:
    """A bit for each, whether it is more than one, and how many more."""
    cdef u64 more
    cdef Py_ssize_t first = 0, i
    cdef int taken
    while first < size:
        more, taken = 0, <int>min(size - first, WORD)
        for i in range(taken):
            more |= <u64>(pane[PANE_FIELDS * (first + i) + 2] != 1) << i
        put(out, more, taken)
        while more:
            put_number(out, pane[PANE_FIELDS * (first + lowest_one(more)) + 2] - 2, 0)
            more &= more - 1
        first += WORD


cdef inline void _get_counts(Reader* source, i64* pane, Py_ssize_t size) noexcept nogil:
    cdef u64 more
    cdef Py_ssize_t first = 0, i
    cdef int taken
    while first < size:
        taken = <int>min(size - first, WORD)
        more = get(source, taken)
        for i in range(taken):
            pane[PANE_FIELDS * (first + i) + 2] = 1
        while more:
            pane[PANE_FIELDS * (first + lowest_one(more)) + 2] = <i64>(get_number(source, 0) + 2)
            more &= more - 1
        first += WORD


cdef inline void _put_value(Writer* out, i64 value, bint is_money) noexcept nogil:
    if is_money:
        put_money(out, value)
    elif value == 0:
        put(out, 1, 1)
    else:
        put_after(out, 0, 1, zigzag(value), DURATION_ORDER)


cdef inline i64 _get_value(Reader* source, bint is_money) noexcept nogil:
    if is_money:
        return get_money(source)
    return 0 if get(source, 1) else get_signed(source, DURATION_ORDER)
