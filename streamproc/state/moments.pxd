"""The instants of a packed state, most of which are equal or close to another one of the same customer."""

from streamproc.state.bits cimport (
    INF, NEVER, Reader, Writer, get, get_number, get_signed, i64, put, put_after, put_number, put_signed, u64, zigzag,
)

cdef enum:
    MOMENTS_MAX = 32
    NEAR_ORDER = 17  # in ms: two minutes
    FAR_ORDER = 31  # two weeks
    SECOND_ORDER = 21  # in seconds: two weeks
    SPAN_DAYS_ORDER = 4
    SPAN_SECONDS_ORDER = 16
    NEAR_MS = 1 << 24
    SECOND_MS = 1_000
    DAY_MS = 86_400_000

cdef enum Tag:
    NOT_YET
    EQUAL  # to a known one, whose number follows
    NEAR  # to a known one: its number, and how far from it
    FAR  # from the base; 0: INF

cdef enum SecondTag:
    NO_SECOND  # INF
    AS_FIRST
    WHOLE_DAYS
    SECONDS  # 0: NEVER


cdef enum SpanTag:
    PREDICTED
    SPAN_DAYS  # whole ones, from another instant
    SPAN_SECONDS
    NO_SPAN  # as a moment

cdef struct Moments:
    i64[MOMENTS_MAX] known  # those met so far, the base first
    int count
    int bits  # of a number of one
    i64 first_second


cdef inline void begin_moments(Moments* moments, i64 base_ms) noexcept nogil:
    moments.known[0] = base_ms
    moments.count = 1
    moments.bits = 0
    moments.first_second = NEVER


cdef inline void _note(Moments* moments, i64 value) noexcept nogil:
    if moments.count < MOMENTS_MAX:
        moments.known[moments.count] = value
        if moments.count >> moments.bits:
            moments.bits += 1
        moments.count += 1


cdef inline void put_moment(Writer* out, Moments* moments, i64 value) noexcept nogil:
    cdef u64 nearest, gap
    cdef int place = 0, i
    if value == NEVER:
        put(out, NOT_YET, 2)
        return
    if value == INF:
        put(out, FAR, 2)
        put_number(out, 0, FAR_ORDER)
        return
    nearest = _distance(value, moments.known[0])
    for i in range(1, moments.count):
        gap = _distance(value, moments.known[i])
        if gap < nearest:
            nearest, place = gap, i
    if nearest == 0:
        put(out, EQUAL | <u64>place << 2, 2 + moments.bits)
        return
    if nearest < NEAR_MS:
        gap = zigzag(<u64>value - <u64>moments.known[place])
        put_after(out, NEAR | <u64>place << 2, 2 + moments.bits, gap, NEAR_ORDER)
    else:
        put_after(out, FAR, 2, zigzag(<u64>value - <u64>moments.known[0]) + 1, FAR_ORDER)
    _note(moments, value)


cdef inline i64 get_moment(Reader* source, Moments* moments) noexcept nogil:
    cdef u64 tag = get(source, 2), number
    cdef i64 value
    if tag == NOT_YET:
        return NEVER
    if tag == FAR:
        number = get_number(source, FAR_ORDER)
        if number == 0:
            return INF
        number -= 1
        value = <i64>(<u64>moments.known[0] + (number >> 1 ^ -(number & 1)))
    else:
        number = get(source, moments.bits)
        value = moments.known[number if number < <u64>moments.count else 0]
        if tag == EQUAL:
            return value
        value = <i64>(<u64>value + <u64>get_signed(source, NEAR_ORDER))
    _note(moments, value)
    return value


cdef inline void put_second(Writer* out, Moments* moments, i64 value) noexcept nogil:
    cdef i64 days = value // DAY_MS, base_ms = moments.known[0]
    if value == INF:
        put(out, NO_SECOND, 2)
    elif value == moments.first_second:
        put(out, AS_FIRST, 2)
    elif value != NEVER and days * DAY_MS == value:
        put_after(out, WHOLE_DAYS, 2, zigzag(days - base_ms // DAY_MS), 4)
    else:
        value = zigzag(value // SECOND_MS - base_ms // SECOND_MS) + 1 if value != NEVER else 0
        put_after(out, SECONDS, 2, value, SECOND_ORDER)


cdef inline i64 get_second(Reader* source, Moments* moments) noexcept nogil:
    cdef u64 tag = get(source, 2), number
    cdef i64 base_ms = moments.known[0]
    if tag == NO_SECOND:
        return INF
    if tag == AS_FIRST:
        return moments.first_second
    if tag == WHOLE_DAYS:
        return (base_ms // DAY_MS + get_signed(source, 4)) * DAY_MS
    number = get_number(source, SECOND_ORDER)
    if number == 0:
        return NEVER
    number -= 1
    return (base_ms // SECOND_MS + <i64>(number >> 1 ^ -(number & 1))) * SECOND_MS


cdef inline void put_span(Writer* out, Moments* moments, i64 value, i64 predicted, i64 since_ms) noexcept nogil:
    """An instant that is mostly as predicted, or days or seconds behind some other."""
    cdef i64 gap = <i64>(<u64>value - <u64>since_ms)
    if value == predicted:
        put(out, PREDICTED, 2)
    elif value == NEVER or value == INF or gap % SECOND_MS != 0 or _is_known(moments, value):
        put(out, NO_SPAN, 2)
        put_moment(out, moments, value)
    elif gap % DAY_MS == 0:
        put_after(out, SPAN_DAYS, 2, zigzag(gap // DAY_MS), SPAN_DAYS_ORDER)
    else:
        put_after(out, SPAN_SECONDS, 2, zigzag(gap // SECOND_MS), SPAN_SECONDS_ORDER)


cdef inline i64 get_span(Reader* source, Moments* moments, i64 predicted, i64 since_ms) noexcept nogil:
    cdef u64 tag = get(source, 2)
    if tag == PREDICTED:
        return predicted
    if tag == NO_SPAN:
        return get_moment(source, moments)
    if tag == SPAN_DAYS:
        return <i64>(<u64>since_ms + <u64>get_signed(source, SPAN_DAYS_ORDER) * DAY_MS)
    return <i64>(<u64>since_ms + <u64>get_signed(source, SPAN_SECONDS_ORDER) * SECOND_MS)


cdef inline bint _is_known(const Moments* moments, i64 value) noexcept nogil:
    for i in range(moments.count):
        if moments.known[i] == value:
            return True
    return False


cdef inline u64 _distance(i64 one, i64 other) noexcept nogil:
    return <u64>one - <u64>other if one > other else <u64>other - <u64>one

