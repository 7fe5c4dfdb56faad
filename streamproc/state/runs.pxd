"""Panes in a packed state: in runs, those of one tier and series in the order of time.

A run is how many series are left out before it, when its panes are, their counts, and their values. Days on which the
customer has any panes are told once; the runs of days say which of these are theirs. Hours and shorter ones follow: the
last pane of a run is a part of the last day of its series, and often all that was counted on it.
"""

from libc.string cimport memset

from streamproc.state.bits cimport (
    ONES_32, Reader, Writer, bits_of, get, get_number, get_signed, i64, lowest_one, put, put_number, put_signed, spoil,
    u64,
)
from streamproc.state.counts cimport WORD, get_counts, get_value, put_counts, put_value
from streamproc.state.days cimport (
    DAYS_MAX, PANE_FIELDS, SERIES_MAX, TIERS_MAX, Days, Rows, Shape, number_days, sum_up,
)

cdef enum:
    PANE_BYTES_MAX = 96
    KIND_SHIFT = 32  # a pane's key is tier | series | pane, as in `windows.panes`
    TIER_SHIFT = 8
    VISIT_ORDER = 2  # of how many events of a channel there were

ctypedef i64* NewRows


cdef struct Expected:  # of the last pane of a run
    i64 time
    int order  # how far off it may be


cdef inline bint _is_mask(Py_ssize_t size, int days) noexcept nogil:
    """Whether so many of these days are told by a bit for each, which is shorter than telling their numbers."""
    return days < 3 * size


cdef inline void put_panes(
    Writer* out, const i64* pane, Py_ssize_t count, Shape shape, i64 base_ms, Days* days
) noexcept nogil:
    """Those of days first, as finer ones are told from them."""
    cdef Rows[TIERS_MAX + 1] first
    cdef Rows[SERIES_MAX] coarser  # the last pane of a series in the tiers before
    cdef int tier, i
    cdef bint is_numbered
    first[0], first[shape.tiers] = pane, pane + count * PANE_FIELDS
    for tier in range(shape.tiers - 1):
        first[tier + 1] = first[tier]
        while first[tier + 1] < first[shape.tiers] and first[tier + 1][1] >> (KIND_SHIFT + TIER_SHIFT) == tier:
            first[tier + 1] += PANE_FIELDS
        put_number(out, (first[tier + 1] - first[tier]) // PANE_FIELDS, 0)
    is_numbered = number_days(days, first[shape.tiers - 1], first[shape.tiers])
    put(out, is_numbered, 1)
    if is_numbered:
        put_number(out, days.count - 1, 4)
        put_signed(out, base_ms // shape.widths_ms[shape.tiers - 1] - days.day[0], 6)
        for i in range(1, days.count):
            put_number(out, days.day[i] - days.day[i - 1] - 1, 0)
    memset(coarser, 0, sizeof(coarser))
    for tier in range(shape.tiers - 1, -1, -1):
        _put_tier(out, first[tier], first[tier + 1], shape, base_ms, days, coarser)


cdef inline void _put_tier(
    Writer* out, const i64* pane, const i64* last, Shape shape, i64 base_ms, Days* days, Rows* coarser
) noexcept nogil:
    cdef Py_ssize_t size, told, i
    cdef i64 kind, tier, series, next = 0
    cdef u64 count
    while pane < last:
        kind, size = pane[1] >> KIND_SHIFT, 1
        while pane + PANE_FIELDS * size < last and pane[PANE_FIELDS * size + 1] >> KIND_SHIFT == kind:
            size += 1
        tier, series = kind >> TIER_SHIFT, kind & 0xFF
        put_number(out, series - next, 0)
        next, told = series + 1, size
        if tier < shape.tiers - 1 or not days.count:
            _put_times(out, pane, size, _expected(pane[1], coarser[series], shape, base_ms))
        elif _is_mask(size, days.count):
            put(out, 1, 1)
            _put_mask(out, pane, size, days)
        else:
            put(out, 0, 1)
            _put_numbers(out, pane, size, days)
        if coarser[series] != NULL:
            told -= _is_same(pane + PANE_FIELDS * (size - 1), coarser[series])
            put(out, told < size, 1)
        count = put_counts(out, pane, told, VISIT_ORDER if series < shape.channels else 0)
        if series <= shape.channels:
            for i in range(told):
                put_value(out, pane[PANE_FIELDS * i + 3], series == shape.channels)
        if tier == shape.tiers - 1:
            sum_up(days, series, pane, size, count, series == shape.channels)
        pane += PANE_FIELDS * size
        coarser[series] = pane - PANE_FIELDS


cdef inline void get_panes(
    Reader* source, i64 customer, i64* pane, Py_ssize_t count, Shape shape, i64 base_ms, Days* days
) noexcept nogil:
    cdef NewRows[TIERS_MAX + 1] first
    cdef Rows[SERIES_MAX] coarser
    cdef int tier, i
    cdef u64 number
    first[0], first[shape.tiers] = pane, pane + count * PANE_FIELDS
    for tier in range(shape.tiers - 1):
        number = get_number(source, 0)
        first[tier + 1] = first[tier] + PANE_FIELDS * _at_most(number, (first[shape.tiers] - first[tier]) // PANE_FIELDS)
    if get(source, 1):
        number = get_number(source, 4) + 1
        if number > DAYS_MAX:
            spoil(source)
            number = 1
        days.count = <int>number
        days.day[0] = base_ms // shape.widths_ms[shape.tiers - 1] - get_signed(source, 6)
        for i in range(1, days.count):
            days.day[i] = <i64>(<u64>days.day[i - 1] + get_number(source, 0) + 1)
    memset(coarser, 0, sizeof(coarser))
    for tier in range(shape.tiers - 1, -1, -1):
        _get_tier(source, customer, tier, first[tier], first[tier + 1], shape, base_ms, days, coarser)


cdef inline void _get_tier(
    Reader* source, i64 customer, i64 tier, i64* pane, const i64* last, Shape shape, i64 base_ms, Days* days,
    Rows* coarser,
) noexcept nogil:
    cdef Py_ssize_t size, told, i
    cdef i64 series, next = 0, begin
    cdef u64 number, count
    while pane < last:
        number = get_number(source, 0)
        if number >= <u64>(shape.series - next):
            spoil(source)  # in a damaged state anything may stand; there is room for as many panes as it said
            next, number = 0, 0
        series = next + <i64>number
        next, size = series + 1, (last - pane) // PANE_FIELDS
        begin = (tier << TIER_SHIFT | series) << KIND_SHIFT
        if tier < shape.tiers - 1 or not days.count:
            size = _get_times(source, pane, size, begin, _expected(begin, coarser[series], shape, base_ms))
        elif get(source, 1):
            size = _get_mask(source, pane, size, begin, days)
        else:
            size = _get_numbers(source, pane, size, begin, days)
        told = size
        if coarser[series] != NULL:
            told -= get(source, 1)
        for i in range(size):
            pane[PANE_FIELDS * i], pane[PANE_FIELDS * i + 2], pane[PANE_FIELDS * i + 3] = customer, 1, 0
        count = get_counts(source, pane, told, VISIT_ORDER if series < shape.channels else 0)
        if series <= shape.channels:
            for i in range(told):
                pane[PANE_FIELDS * i + 3] = get_value(source, series == shape.channels)
        if tier == shape.tiers - 1:
            sum_up(days, series, pane, size, count, series == shape.channels)
        pane += PANE_FIELDS * size
        if told < size:
            pane[2 - PANE_FIELDS], pane[3 - PANE_FIELDS] = coarser[series][2], coarser[series][3]
        coarser[series] = pane - PANE_FIELDS


cdef inline bint _is_same(const i64* pane, const i64* coarser) noexcept nogil:
    """Whether all of a pane was in one of its parts."""
    return pane[2] == coarser[2] and pane[3] == coarser[3]


cdef inline u64 _at_most(u64 number, u64 most) noexcept nogil:
    return number if number < most else most


cdef inline Expected _expected(i64 key, const i64* coarser, Shape shape, i64 base_ms) noexcept nogil:
    """It is part of the last one of the same series in a coarser tier."""
    cdef i64 width_ms = shape.widths_ms[key >> (KIND_SHIFT + TIER_SHIFT)], parts
    if coarser == NULL:
        return Expected(base_ms // width_ms, 3)
    parts = shape.widths_ms[coarser[1] >> (KIND_SHIFT + TIER_SHIFT)] // width_ms
    return Expected((coarser[1] & <i64>ONES_32) * parts, bits_of(parts) - 1)


cdef inline void _put_times(Writer* out, const i64* pane, Py_ssize_t size, Expected last) noexcept nogil:
    cdef i64 time = pane[PANE_FIELDS * (size - 1) + 1] & <i64>ONES_32, later = time
    cdef Py_ssize_t i
    put_number(out, size - 1, 1)
    put_number(out, <u64>time - <u64>last.time, last.order)
    for i in range(size - 2, -1, -1):
        time = pane[PANE_FIELDS * i + 1] & <i64>ONES_32
        put_number(out, later - time - 1, 0)
        later = time


cdef inline Py_ssize_t _get_times(
    Reader* source, i64* pane, Py_ssize_t room, i64 begin, Expected last
) noexcept nogil:
    cdef Py_ssize_t size = _get_size(source, room), i
    cdef u64 time = <u64>last.time + get_number(source, last.order)
    for i in range(size - 1, -1, -1):
        pane[PANE_FIELDS * i + 1] = begin | <i64>(time & ONES_32)
        if i > 0:
            time -= get_number(source, 0) + 1
    return size


cdef inline Py_ssize_t _get_size(Reader* source, Py_ssize_t room) noexcept nogil:
    """Of a run of one pane or more, for which there is room."""
    cdef u64 more = get_number(source, 1)
    return <Py_ssize_t>more + 1 if more < <u64>room else room


cdef inline void _put_mask(Writer* out, const i64* pane, Py_ssize_t size, Days* days) noexcept nogil:
    """A bit for each day."""
    cdef u64 mask = 0
    cdef int number, first = 0
    cdef Py_ssize_t i
    for i in range(size):
        number = days.number[(pane[PANE_FIELDS * i + 1] & <i64>ONES_32) - days.origin]
        while number >= first + WORD:
            put(out, mask, WORD)
            mask, first = 0, first + WORD
        mask |= <u64>1 << (number - first)
    while first < days.count:
        put(out, mask, min(days.count - first, WORD))
        mask, first = 0, first + WORD


cdef inline Py_ssize_t _get_mask(
    Reader* source, i64* pane, Py_ssize_t room, i64 begin, const Days* days
) noexcept nogil:
    cdef u64 bits
    cdef int word
    cdef Py_ssize_t size = 0
    for word in range((days.count + WORD - 1) // WORD):
        bits = get(source, min(days.count - WORD * word, WORD))
        while bits and size < room:
            pane[PANE_FIELDS * size + 1] = begin | (days.day[WORD * word + lowest_one(bits)] & <i64>ONES_32)
            bits &= bits - 1
            size += 1
        if bits:
            spoil(source)
    if size == 0:
        spoil(source)
        pane[1], size = begin, 1
    return size


cdef inline void _put_numbers(Writer* out, const i64* pane, Py_ssize_t size, Days* days) noexcept nogil:
    """The numbers of the days."""
    cdef int number, first = 0
    cdef Py_ssize_t i
    put_number(out, size - 1, 1)
    for i in range(size):
        number = days.number[(pane[PANE_FIELDS * i + 1] & <i64>ONES_32) - days.origin]
        put_number(out, number - first, 1 if i > 0 else 2)
        first = number + 1


cdef inline Py_ssize_t _get_numbers(
    Reader* source, i64* pane, Py_ssize_t room, i64 begin, const Days* days
) noexcept nogil:
    cdef Py_ssize_t size = _get_size(source, room), i
    cdef u64 number = 0
    for i in range(size):
        number += get_number(source, 1 if i > 0 else 2)
        if number >= <u64>days.count:
            spoil(source)
            number = 0
        pane[PANE_FIELDS * i + 1] = begin | (days.day[number] & <i64>ONES_32)
        number += 1
    return size
