"""A customer's fixed row in a packed state: what the panes do not say, and when things were.

Fields are named and ordered as in `windows.table`.
"""

from streamproc.state.active cimport ACTIVE_FIELDS, get_active, put_active
from streamproc.state.around cimport Around
from streamproc.state.bits cimport (
    NEVER, ONES_32, Reader, Writer, get, get_number, get_signed, i64, put, put_number, put_signed, u64,
)
from streamproc.state.days cimport PANE_FIELDS, Days, last_day
from streamproc.state.moments cimport (
    DAY_MS, NO_DAY, Moments, get_moment, get_moment_on, note_moment, put_moment, put_moment_on,
)
from streamproc.state.money cimport get_money, put_money
from streamproc.state.seconds cimport get_second, put_second

cdef enum:  # of the head
    FIRST_SEEN, LAST_WEB, LAST_APP, LAST_SUPPORT, LAST_ACTIVITY, EVENTS, ORDERS, SESSIONS, MONEY, CART_ITEMS,
    CART_CHANGED, CART_CLEARED, CART_SINCE, CART_MICROS, LAST_ORDER, SESSION, PAUSE, ACTIVE_DAYS,
    NEXT_CHECK = 25  # behind ACTIVE_FIELDS
    CHURN_DUE, TIMER, CAUSE_OFFSET, CAUSE_TOPIC, BAND, VERSION, RULES,
    HEAD_FIELDS

cdef enum:  # flags of the head
    AS_PANES = 1  # events, orders, sessions and money are what the panes of days add up to
    NO_CART = 2
    NO_CAUSE = 4
    FLAGS = 3


cdef inline void put_head(Writer* out, const i64* head, Around* around) noexcept nogil:
    cdef i64[4] sums
    cdef u64 flags = 0
    cdef int i
    _sums(sums, around)
    if head[EVENTS] == sums[0] and head[ORDERS] == sums[1] and head[SESSIONS] == sums[2] and head[MONEY] == sums[3]:
        flags |= AS_PANES
    if head[CART_ITEMS] == 0 and head[CART_MICROS] == 0:
        flags |= NO_CART
    if head[CAUSE_OFFSET] == NEVER:
        flags |= NO_CAUSE
    put(out, flags, FLAGS)
    if not flags & AS_PANES:
        for i in range(3):
            put_signed(out, <u64>head[EVENTS + i] - <u64>sums[i], 0)
        put_money(out, <i64>(<u64>head[MONEY] - <u64>sums[3]))
    if not flags & NO_CART:
        put_number(out, head[CART_ITEMS], 0)
        put_money(out, head[CART_MICROS])
    if not flags & NO_CAUSE:
        put_number(out, head[CAUSE_OFFSET], 20)
    _put_times(out, head, around)
    put_active(out, head + ACTIVE_DAYS, around.base_ms, &around.days, around.shape.channels + 1, around.decay)
    for i in range(NEXT_CHECK, TIMER + 1):
        put_second(out, &around.moments, head[i])
    put_signed(out, head[CAUSE_TOPIC], 1)
    put_signed(out, head[BAND], 1)
    put_number(out, head[VERSION], 4)
    put(out, head[RULES] & ONES_32, 32)


cdef inline void get_head(Reader* source, i64* head, Around* around) noexcept nogil:
    cdef i64[4] sums
    cdef u64 flags = get(source, FLAGS)
    cdef int i
    _sums(sums, around)
    if not flags & AS_PANES:
        for i in range(3):
            sums[i] = <i64>(<u64>sums[i] + <u64>get_signed(source, 0))
        sums[3] = <i64>(<u64>sums[3] + <u64>get_money(source))
    for i in range(4):
        head[EVENTS + i] = sums[i]
    head[CART_ITEMS] = 0 if flags & NO_CART else <i64>get_number(source, 0)
    head[CART_MICROS] = 0 if flags & NO_CART else get_money(source)
    head[CAUSE_OFFSET] = NEVER if flags & NO_CAUSE else <i64>get_number(source, 20)
    _get_times(source, head, around)
    get_active(source, head + ACTIVE_DAYS, around.base_ms, &around.days, around.shape.channels + 1, around.decay)
    for i in range(NEXT_CHECK, TIMER + 1):
        head[i] = get_second(source, &around.moments)
    head[CAUSE_TOPIC] = get_signed(source, 1)
    head[BAND] = get_signed(source, 1)
    head[VERSION] = get_number(source, 4)
    head[RULES] = get(source, 32)


cdef inline void _put_times(Writer* out, const i64* head, Around* around) noexcept nogil:
    """The session and the end of the one before come first, as other times are close to them."""
    cdef Moments* moments = &around.moments
    cdef const Days* days = &around.days
    cdef int orders = around.shape.channels, i
    put_moment(out, moments, head[LAST_ACTIVITY])
    note_moment(moments, <i64>(<u64>around.base_ms - _lasted(around)))
    put_moment(out, moments, head[SESSION])
    put_moment_on(out, moments, <i64>(<u64>head[SESSION] - <u64>head[PAUSE]), _day_before(days, orders + 1))
    for i in range(orders):
        put_moment_on(out, moments, head[LAST_WEB + i], last_day(days, i))
    put_moment_on(out, moments, head[FIRST_SEEN], days.day[0] if days.count else NO_DAY)
    put_moment_on(out, moments, head[LAST_ORDER], last_day(days, orders))
    for i in range(CART_CHANGED, CART_SINCE + 1):
        put_moment(out, moments, head[i])


cdef inline void _get_times(Reader* source, i64* head, Around* around) noexcept nogil:
    cdef Moments* moments = &around.moments
    cdef const Days* days = &around.days
    cdef int orders = around.shape.channels, i
    head[LAST_ACTIVITY] = get_moment(source, moments)
    note_moment(moments, <i64>(<u64>around.base_ms - _lasted(around)))
    head[SESSION] = get_moment(source, moments)
    head[PAUSE] = <i64>(<u64>head[SESSION] - <u64>get_moment_on(source, moments, _day_before(days, orders + 1)))
    for i in range(orders):
        head[LAST_WEB + i] = get_moment_on(source, moments, last_day(days, i))
    head[FIRST_SEEN] = get_moment_on(source, moments, days.day[0] if days.count else NO_DAY)
    head[LAST_ORDER] = get_moment_on(source, moments, last_day(days, orders))
    for i in range(CART_CHANGED, CART_SINCE + 1):
        head[i] = get_moment(source, moments)


cdef inline u64 _lasted(const Around* around) noexcept nogil:
    """How long sessions lasted on the day of the base, all together: mostly there was one, which ended with the base."""
    cdef const Days* days = &around.days
    cdef i64 day = around.base_ms // DAY_MS
    cdef u64 lasted = 0
    cdef int channel
    for channel in range(around.shape.channels):
        if last_day(days, channel) == day:
            lasted += <u64>days.first[channel][PANE_FIELDS * (days.size[channel] - 1) + 3]
    return lasted


cdef inline i64 _day_before(const Days* days, int sessions) noexcept nogil:
    """The last day but one on which a session began."""
    cdef Py_ssize_t size = days.size[sessions]
    return days.first[sessions][PANE_FIELDS * (size - 2) + 1] & <i64>ONES_32 if size > 1 else NO_DAY


cdef inline void _sums(i64* sums, Around* around) noexcept nogil:
    """Events, orders, sessions and money in the panes of days."""
    cdef int channel, orders = around.shape.channels
    sums[0] = 0
    for channel in range(orders):
        sums[0] += around.days.counts[channel]
    sums[1], sums[2] = around.days.counts[orders], around.days.counts[orders + 1]
    sums[3] = around.days.values[orders]
