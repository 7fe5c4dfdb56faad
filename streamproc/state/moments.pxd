"""The instants of a packed state, most of which are equal or close to another one of the same customer.

Others are told as a time on one of the days that have panes, some of which are known to be the day: that of the last
order is the last one with orders.
"""

from libc.string cimport memset

from streamproc.state.bits cimport (
    INF, NEVER, Reader, Writer, bits_of, get, get_number, get_signed, i64, lowest_one, ones_of, put, put_after, put_number,
    put_signed, u64, zigzag,
)
from streamproc.state.days cimport Days, number_of_day

cdef enum:
    MOMENTS_MAX = 32
    DAY_SLOTS = 32
    NEAR_ORDER = 16  # in ms: a minute
    FAR_ORDER = 31  # two weeks
    SECOND_ORDER = 21  # in seconds: two weeks
    NEAR_MS = 1 << 22
    NEAR_ON_DAY_MS = 1 << 20
    SECOND_MS = 1_000
    DAY_MS = 86_400_000
    DAY_BITS = 27  # of a time of the day
    NO_DAY = -1

cdef enum Tag:
    NOT_YET
    EQUAL  # to a known one, whose number follows
    NEAR  # to a known one: its number, and how far from it
    FAR  # what it is told from follows

cdef enum FarFrom:
    FROM_BASE  # 0: INF
    SECONDS_FROM_BASE
    ON_A_DAY  # with panes: the first one, and those behind it

cdef enum DayTag:
    NOT_ON_DAY
    EQUAL_ON_DAY  # to one of those known on the day, whose number among them follows
    NEAR_ON_DAY
    TIME_OF_DAY

cdef struct Moments:
    const Days* days  # with panes
    i64[MOMENTS_MAX] known  # those met so far, the base first
    u64[DAY_SLOTS] on_day  # by the last bits of a day: a bit for each that is on it
    int count
    i64 first_second


cdef inline void begin_moments(Moments* moments, i64 base_ms, const Days* days) noexcept nogil:
    moments.days = days
    moments.count = 0
    memset(moments.on_day, 0, sizeof(moments.on_day))
    moments.first_second = NEVER
    note_moment(moments, base_ms)


cdef inline void note_moment(Moments* moments, i64 value) noexcept nogil:
    if moments.count < MOMENTS_MAX:
        moments.known[moments.count] = value
        moments.on_day[value // DAY_MS & (DAY_SLOTS - 1)] |= <u64>1 << moments.count
        moments.count += 1


cdef inline void put_moment(Writer* out, Moments* moments, i64 value) noexcept nogil:
    cdef u64 nearest, gap
    cdef int place = 0, bits = bits_of(moments.count - 1), i
    if value == NEVER:
        put(out, NOT_YET, 2)
        return
    if value == INF:
        _put_far(out, moments, INF)
        return
    nearest = _distance(value, moments.known[0])
    for i in range(1, moments.count):
        gap = _distance(value, moments.known[i])
        if gap < nearest:
            nearest, place = gap, i
    if nearest == 0:
        put(out, EQUAL | <u64>place << 2, 2 + bits)
        return
    if nearest < NEAR_MS:
        gap = zigzag(<u64>value - <u64>moments.known[place])
        put_after(out, NEAR | <u64>place << 2, 2 + bits, gap, NEAR_ORDER)
    else:
        _put_far(out, moments, value)
    note_moment(moments, value)


cdef inline i64 get_moment(Reader* source, Moments* moments) noexcept nogil:
    cdef u64 tag = get(source, 2), number
    cdef i64 value
    if tag == NOT_YET:
        return NEVER
    if tag == FAR:
        value = _get_far(source, moments)
        if value == INF:
            return INF
    else:
        number = get(source, bits_of(moments.count - 1))
        value = moments.known[number if number < <u64>moments.count else 0]
        if tag == EQUAL:
            return value
        value = <i64>(<u64>value + <u64>get_signed(source, NEAR_ORDER))
    note_moment(moments, value)
    return value


cdef inline void _put_far(Writer* out, const Moments* moments, i64 value) noexcept nogil:
    cdef i64 base_ms = moments.known[0]
    cdef int bits = 2 + bits_of(moments.days.count + 1), place
    if value == INF:
        put_after(out, FAR | FROM_BASE << 2, bits, 0, FAR_ORDER)
        return
    if value % SECOND_MS == 0:
        value = value // SECOND_MS - base_ms // SECOND_MS
        put_after(out, FAR | SECONDS_FROM_BASE << 2, bits, zigzag(value), SECOND_ORDER)
        return
    place = number_of_day(moments.days, value // DAY_MS)
    if value > 0 and place >= 0:
        put(out, FAR | <u64>(ON_A_DAY + place) << 2 | <u64>(value % DAY_MS) << bits, bits + DAY_BITS)
    else:
        put_after(out, FAR | FROM_BASE << 2, bits, zigzag(<u64>value - <u64>base_ms) + 1, FAR_ORDER)


cdef inline i64 _get_far(Reader* source, const Moments* moments) noexcept nogil:
    cdef i64 base_ms = moments.known[0]
    cdef u64 place = get(source, bits_of(moments.days.count + 1)), number
    if place == SECONDS_FROM_BASE:
        return (base_ms // SECOND_MS + get_signed(source, SECOND_ORDER)) * SECOND_MS
    if place != FROM_BASE:
        place = min(place - ON_A_DAY, <u64>moments.days.count - 1)
        return moments.days.day[place] * DAY_MS + <i64>get(source, DAY_BITS)
    number = get_number(source, FAR_ORDER)
    if number == 0:
        return INF
    number -= 1
    return <i64>(<u64>base_ms + (number >> 1 ^ -(number & 1)))


cdef inline void put_moment_on(Writer* out, Moments* moments, i64 value, i64 day) noexcept nogil:
    """An instant that is likely on a day; NO_DAY: no one knows."""
    cdef u64 nearest = <u64>INF, gap, others
    cdef i64 neighbour = 0
    cdef int count = 0, place = 0, bits
    if day == NO_DAY:
        put_moment(out, moments, value)
        return
    others = moments.on_day[day & (DAY_SLOTS - 1)]
    if value < 0 or value // DAY_MS != day:
        put(out, NOT_ON_DAY, 2 if others else 1)
        put_moment(out, moments, value)
        return
    while others:
        gap = _distance(value, moments.known[lowest_one(others)])
        if gap < nearest:
            nearest, place, neighbour = gap, count, moments.known[lowest_one(others)]
        others &= others - 1
        count += 1
    if count == 0:
        put(out, 1 | <u64>(value % DAY_MS) << 1, 1 + DAY_BITS)
    else:
        bits = 2 + bits_of(count - 1)
        if nearest == 0:
            put(out, EQUAL_ON_DAY | <u64>place << 2, bits)
            return
        if nearest < NEAR_ON_DAY_MS:
            put_after(out, NEAR_ON_DAY | <u64>place << 2, bits, zigzag(<u64>value - <u64>neighbour), NEAR_ORDER)
        else:
            put(out, TIME_OF_DAY | <u64>(value % DAY_MS) << 2, 2 + DAY_BITS)
    note_moment(moments, value)


cdef inline i64 get_moment_on(Reader* source, Moments* moments, i64 day) noexcept nogil:
    cdef u64 tag, number, others
    cdef i64 value
    if day == NO_DAY:
        return get_moment(source, moments)
    others = moments.on_day[day & (DAY_SLOTS - 1)]
    if others:
        tag = get(source, 2)
    else:
        tag = TIME_OF_DAY if get(source, 1) else NOT_ON_DAY
    if tag == NOT_ON_DAY:
        return get_moment(source, moments)
    if tag == TIME_OF_DAY:
        value = day * DAY_MS + <i64>get(source, DAY_BITS)
    else:
        number = get(source, bits_of(ones_of(others) - 1))
        while number > 0 and others & (others - 1):
            others &= others - 1
            number -= 1
        value = moments.known[lowest_one(others)]
        if tag == EQUAL_ON_DAY:
            return value
        value = <i64>(<u64>value + <u64>get_signed(source, NEAR_ORDER))
    note_moment(moments, value)
    return value


cdef inline bint is_known(const Moments* moments, i64 value) noexcept nogil:
    for i in range(moments.count):
        if moments.known[i] == value:
            return True
    return False


cdef inline u64 _distance(i64 one, i64 other) noexcept nogil:
    return <u64>one - <u64>other if one > other else <u64>other - <u64>one

