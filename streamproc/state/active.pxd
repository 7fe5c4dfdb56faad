"""Active days in a packed state: eight fields of the head, which follow from each other and from the panes, mostly.

They are: how many there were, the first and the last one, 128 bits of the last days (2), and their decayed counts (3).
Sessions begin on active days, so the panes of sessions predict the bits. Decayed counts are sums over the bits, of
weights by age: what follows is how many floats lie between the sum and the count, which was multiplied day by day.
"""

from libc.string cimport memcpy

from streamproc.state.bits cimport (
    INF, NEVER, ONES_32, Reader, Writer, get, get_number, get_signed, get_word, i64, leading_zeros, lowest_one, ones_of, put,
    put_number, put_signed, put_word, u64, zigzag,
)
from streamproc.state.days cimport PANE_FIELDS, Days

cdef enum:
    DAYS, FIRST, LAST, LOW, HIGH, DECAYED
    ACTIVE_FIELDS = 8
    ACTIVE_BYTES_MAX = 256
    RATES = 3
    WORD_BITS = 64
    BITMAP_DAYS = 128
    DAY_MS = 86_400_000
    FLOATS_ORDER = 0
    FLOATS_MAX = 1 << 20


cdef inline void put_active(
    Writer* out, const i64* cells, i64 base_ms, const Days* days, int sessions, const double* decay
) noexcept nogil:
    """`sessions`: the series of sessions. `decay`: the weights, double[3, 128]."""
    cdef u64[2] bits
    cdef u64 floats
    cdef double[RATES] sums
    cdef int i
    _put_day(out, cells[LAST], base_ms // DAY_MS)
    _put_day(out, cells[FIRST], _first_day(days, sessions, cells[LAST]))
    _predict(bits, days, sessions, cells[LAST])
    for i in range(2):
        _put_flips(out, <u64>cells[LOW + i] ^ bits[i])
    put_signed(out, cells[DAYS] - ones_of(cells[LOW]) - ones_of(cells[HIGH]), 0)
    _sum(sums, cells[LOW], cells[HIGH], decay)
    for i in range(RATES):
        memcpy(&floats, &sums[i], sizeof(u64))
        floats = <u64>cells[DECAYED + i] - floats
        if floats + FLOATS_MAX < 2 * FLOATS_MAX:
            put(out, 1, 1)
            put_signed(out, floats, FLOATS_ORDER)
        else:
            put(out, 0, 1)
            put_word(out, cells[DECAYED + i])


cdef inline void get_active(
    Reader* source, i64* cells, i64 base_ms, const Days* days, int sessions, const double* decay
) noexcept nogil:
    cdef u64[2] bits
    cdef u64 floats
    cdef double[RATES] sums
    cdef int i
    cells[LAST] = _get_day(source, base_ms // DAY_MS)
    cells[FIRST] = _get_day(source, _first_day(days, sessions, cells[LAST]))
    _predict(bits, days, sessions, cells[LAST])
    for i in range(2):
        cells[LOW + i] = _get_flips(source) ^ bits[i]
    cells[DAYS] = get_signed(source, 0) + ones_of(cells[LOW]) + ones_of(cells[HIGH])
    _sum(sums, cells[LOW], cells[HIGH], decay)
    for i in range(RATES):
        if get(source, 1):
            memcpy(&floats, &sums[i], sizeof(u64))
            cells[DECAYED + i] = <i64>(floats + <u64>get_signed(source, FLOATS_ORDER))
        else:
            cells[DECAYED + i] = get_word(source)


cdef inline i64 _first_day(const Days* days, int sessions, i64 last) noexcept nogil:
    return days.first[sessions][1] & ONES_32 if days.size[sessions] else last


cdef inline void _put_day(Writer* out, i64 day, i64 predicted) noexcept nogil:
    """0: as predicted, 1: INF, 2: NEVER, else how far from that."""
    cdef u64 away = <u64>day - <u64>predicted
    if day == predicted:
        put_number(out, 0, 0)
    elif day == INF or day == NEVER:
        put_number(out, 1 if day == INF else 2, 0)
    else:
        put_number(out, zigzag(away) + 2, 0)


cdef inline i64 _get_day(Reader* source, i64 predicted) noexcept nogil:
    cdef u64 number = get_number(source, 0)
    if number == 0:
        return predicted
    if number <= 2:
        return INF if number == 1 else NEVER
    number -= 2
    return <i64>(<u64>predicted + (number >> 1 ^ -(number & 1)))


cdef inline void _predict(u64* bits, const Days* days, int sessions, i64 last) noexcept nogil:
    """The bits of the days on which sessions began."""
    cdef const i64* pane = days.first[sessions]
    cdef u64 age
    cdef Py_ssize_t i
    bits[0] = bits[1] = 0
    for i in range(days.size[sessions]):
        age = <u64>last - <u64>(pane[PANE_FIELDS * i + 1] & ONES_32)
        if age < BITMAP_DAYS:
            bits[age // WORD_BITS] |= <u64>1 << age % WORD_BITS


cdef inline void _put_flips(Writer* out, u64 flips) noexcept nogil:
    """How many bits are otherwise, and their places."""
    put_number(out, ones_of(flips), 0)
    while flips:
        put(out, lowest_one(flips), 6)
        flips &= flips - 1


cdef inline u64 _get_flips(Reader* source) noexcept nogil:
    cdef u64 flips = 0, count = get_number(source, 0)
    for _ in range(<int>min(count, <u64>WORD_BITS)):
        flips |= <u64>1 << get(source, 6)
    return flips


cdef inline void _sum(double* sums, u64 low, u64 high, const double* decay) noexcept nogil:
    """Day by day, from the oldest one on, and up to the last one: as they were counted, mostly."""
    cdef int before = -1, age, rate
    sums[0] = sums[1] = sums[2] = 0
    while low or high:
        age = 2 * WORD_BITS - 1 - leading_zeros(high) if high else WORD_BITS - 1 - leading_zeros(low)
        if high:
            high ^= <u64>1 << (age - WORD_BITS)
        else:
            low ^= <u64>1 << age
        for rate in range(RATES):
            if before >= 0:
                sums[rate] *= decay[rate * BITMAP_DAYS + before - age]
            sums[rate] += 1
        before = age
    if before > 0:
        for rate in range(RATES):
            sums[rate] *= decay[rate * BITMAP_DAYS + before]
