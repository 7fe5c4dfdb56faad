"""Instants of a packed state that are whole seconds: when rules look again, and journeys under the event clock."""

from streamproc.state.bits cimport (
    INF, NEVER, Reader, Writer, get, get_number, get_signed, i64, put, put_after, u64, zigzag,
)
from streamproc.state.moments cimport DAY_MS, SECOND_MS, SECOND_ORDER, Moments, get_moment, is_known, put_moment

cdef extern from *:
    """
    #define SP_NO_SECONDS (1ULL << 63)
    """
    const u64 NO_SECONDS "SP_NO_SECONDS"

cdef enum:
    DAY_S = 86_400
    DAYS_ORDER = 4
    SPAN_SECONDS_ORDER = 16

cdef enum SecondTag:
    NO_SECOND  # INF
    AS_FIRST
    WHOLE_DAYS
    SECONDS  # behind that of the base; NO_SECONDS: NEVER
    IN_CALENDAR = 4  # beside WHOLE_DAYS: days of UTC, else days from the second behind the base on

cdef enum SpanTag:
    PREDICTED
    SPAN_DAYS  # whole ones, from another instant
    SPAN_SECONDS
    NO_SPAN  # as a moment


cdef inline void put_second(Writer* out, Moments* moments, i64 value) noexcept nogil:
    """When to look again: a whole second, or what comes before it is told as one."""
    cdef i64 second = value // SECOND_MS, next_second = moments.known[0] // SECOND_MS + 1, days = second // DAY_S
    if value == INF:
        put(out, NO_SECOND, 2)
        return
    value = second * SECOND_MS if value != NEVER else NEVER
    if value == moments.first_second and value != NEVER:
        put(out, AS_FIRST, 2)
    elif value != NEVER and days * DAY_S == second:
        put_after(out, WHOLE_DAYS | IN_CALENDAR, 3, zigzag(days - next_second // DAY_S), DAYS_ORDER)
    elif value != NEVER and (second - next_second) % DAY_S == 0:
        put_after(out, WHOLE_DAYS, 3, zigzag((second - next_second) // DAY_S), DAYS_ORDER)
    else:
        put_after(out, SECONDS, 2, <u64>(second - next_second) if value != NEVER else NO_SECONDS, SECOND_ORDER)
    if moments.first_second == NEVER:
        moments.first_second = value


cdef inline i64 get_second(Reader* source, Moments* moments) noexcept nogil:
    cdef u64 tag = get(source, 2), number
    cdef i64 value, next_second = moments.known[0] // SECOND_MS + 1
    if tag == NO_SECOND:
        return INF
    if tag == AS_FIRST:
        return moments.first_second
    if tag == WHOLE_DAYS:
        if get(source, 1):
            value = (next_second // DAY_S + get_signed(source, DAYS_ORDER)) * DAY_S * SECOND_MS
        else:
            value = (next_second + get_signed(source, DAYS_ORDER) * DAY_S) * SECOND_MS
    else:
        number = get_number(source, SECOND_ORDER)
        if number == NO_SECONDS:
            return NEVER
        value = <i64>((<u64>next_second + number) * SECOND_MS)
    if moments.first_second == NEVER:
        moments.first_second = value
    return value


cdef inline void put_span(Writer* out, Moments* moments, i64 value, i64 predicted, i64 since_ms) noexcept nogil:
    """An instant that is mostly as predicted, or days or seconds behind some other."""
    cdef i64 gap = <i64>(<u64>value - <u64>since_ms)
    if value == predicted:
        put(out, PREDICTED, 2)
    elif value == NEVER or value == INF or gap % SECOND_MS != 0 or is_known(moments, value):
        put(out, NO_SPAN, 2)
        put_moment(out, moments, value)
    elif gap % DAY_MS == 0:
        put_after(out, SPAN_DAYS, 2, zigzag(gap // DAY_MS), DAYS_ORDER)
    else:
        put_after(out, SPAN_SECONDS, 2, zigzag(gap // SECOND_MS), SPAN_SECONDS_ORDER)


cdef inline i64 get_span(Reader* source, Moments* moments, i64 predicted, i64 since_ms) noexcept nogil:
    cdef u64 tag = get(source, 2)
    if tag == PREDICTED:
        return predicted
    if tag == NO_SPAN:
        return get_moment(source, moments)
    if tag == SPAN_DAYS:
        return <i64>(<u64>since_ms + <u64>get_signed(source, DAYS_ORDER) * DAY_MS)
    return <i64>(<u64>since_ms + <u64>get_signed(source, SPAN_SECONDS_ORDER) * SECOND_MS)
