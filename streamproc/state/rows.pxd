"""A customer's fixed row and those of most sparse tables in a packed state, each table in a form of its own.

What is likely is told in a bit: that totals are what panes count, that a tally follows that has panes, that a segment
was entered once. Fields are named and ordered as in `windows.table`; rows are int64[fields], the customer's row first.
"""

from streamproc.state.active cimport ACTIVE_FIELDS, get_active, put_active
from streamproc.state.bits cimport (
    NEVER, ONES_32, Reader, Writer, get, get_number, get_signed, get_word, i64, put, put_after, put_number, put_signed,
    put_word, u64, zigzag,
)
from streamproc.state.moments cimport Moments, get_moment, get_second, put_moment, put_second
from streamproc.state.names cimport Names, get_id, put_id
from streamproc.state.money cimport get_money, put_money
from streamproc.state.runs cimport Days, Shape

cdef enum:  # of the head
    FIRST_SEEN, LAST_WEB, LAST_APP, LAST_SUPPORT, LAST_ACTIVITY, EVENTS, ORDERS, SESSIONS, MONEY, CART_ITEMS,
    CART_CHANGED, CART_CLEARED, CART_SINCE, CART_MICROS, LAST_ORDER, SESSION, PAUSE, ACTIVE_DAYS,
    NEXT_CHECK = 25  # behind ACTIVE_FIELDS
    CHURN_DUE, TIMER, CAUSE_OFFSET, CAUSE_TOPIC, BAND, VERSION, RULES,
    HEAD_FIELDS

cdef enum:  # of rows
    RING_FIELDS = 3
    MEMBER_FIELDS = 4
    WORD_FIELDS = 6
    TALLY_FIELDS = 4
    FUNNEL_FIELDS = 5

cdef enum:
    TIME_ZONE = 4  # of `windows.words`: what such a word says is a hash of 32 bits

cdef enum:  # flags of the head
    AS_PANES = 1  # events, orders, sessions and money are what the panes of days add up to
    NO_CART = 2
    NO_CAUSE = 4
    FLAGS = 3


cdef struct Around:  # what fields are told from
    Shape shape
    Names names
    const double* decay
    i64 base_ms
    Moments moments
    Days days


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
    for i in range(FIRST_SEEN, LAST_ACTIVITY + 1):
        put_moment(out, &around.moments, head[i])
    for i in range(CART_CHANGED, CART_SINCE + 1):
        put_moment(out, &around.moments, head[i])
    put_moment(out, &around.moments, head[LAST_ORDER])
    put_moment(out, &around.moments, head[SESSION])
    put_number(out, head[PAUSE], 27)
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
    for i in range(FIRST_SEEN, LAST_ACTIVITY + 1):
        head[i] = get_moment(source, &around.moments)
    for i in range(CART_CHANGED, CART_SINCE + 1):
        head[i] = get_moment(source, &around.moments)
    head[LAST_ORDER] = get_moment(source, &around.moments)
    head[SESSION] = get_moment(source, &around.moments)
    head[PAUSE] = get_number(source, 27)
    get_active(source, head + ACTIVE_DAYS, around.base_ms, &around.days, around.shape.channels + 1, around.decay)
    for i in range(NEXT_CHECK, TIMER + 1):
        head[i] = get_second(source, &around.moments)
    head[CAUSE_TOPIC] = get_signed(source, 1)
    head[BAND] = get_signed(source, 1)
    head[VERSION] = get_number(source, 4)
    head[RULES] = get(source, 32)


cdef inline void _sums(i64* sums, Around* around) noexcept nogil:
    """Events, orders, sessions and money in the panes of days."""
    cdef int channel, orders = around.shape.channels
    sums[0] = 0
    for channel in range(orders):
        sums[0] += around.days.counts[channel]
    sums[1], sums[2] = around.days.counts[orders], around.days.counts[orders + 1]
    sums[3] = around.days.values[orders]


cdef inline void put_ring(Writer* out, const i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    """Hashes, and how long after the one before."""
    cdef i64 before = around.base_ms
    for _ in range(size):
        put_word(out, row[1])
        if row[2] == before:
            put(out, 1, 1)
        else:
            put_after(out, 0, 1, zigzag(<u64>row[2] - <u64>before), 20)
        before = row[2]
        row += RING_FIELDS


cdef inline void get_ring(Reader* source, i64 customer, i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    cdef i64 seen_ms = around.base_ms
    for _ in range(size):
        row[0], row[1] = customer, get_word(source)
        if not get(source, 1):
            seen_ms = <i64>(<u64>seen_ms + <u64>get_signed(source, 20))
        row[2] = seen_ms
        row += RING_FIELDS


cdef inline void put_members(Writer* out, const i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    """Segments: the id, since when, how often."""
    around.names.next = 0
    for _ in range(size):
        put_id(out, &around.names, row[1], row[3] == 1)
        put_moment(out, &around.moments, row[2])
        if row[3] != 1:
            put_number(out, row[3], 1)
        row += MEMBER_FIELDS


cdef inline void get_members(Reader* source, i64 customer, i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    cdef bint once = False
    around.names.next = 0
    for _ in range(size):
        row[0], row[1] = customer, get_id(source, &around.names, &once)
        row[2] = get_moment(source, &around.moments)
        row[3] = 1 if once else <i64>get_number(source, 1)
        row += MEMBER_FIELDS


cdef inline void put_words(Writer* out, const i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    """About what, a small key or a hash, what was said, when, and a hash, often that of the row before."""
    cdef i64 about = 0
    cdef u64 tie = 0
    for _ in range(size):
        put_signed(out, <u64>row[1] - <u64>about, 0)
        if <u64>row[2] < 256:
            put_after(out, 1, 1, row[2], 1)
        else:
            put(out, 0, 1)
            put_word(out, row[2])
        if row[1] == TIME_ZONE:
            put(out, row[3] & ONES_32, 32)
        else:
            put_signed(out, <u64>row[3] - 1, 1)
        put_moment(out, &around.moments, row[4])
        put(out, <u64>row[5] == tie, 1)
        if <u64>row[5] != tie:
            put_word(out, row[5])
        about, tie = row[1], row[5]
        row += WORD_FIELDS


cdef inline void get_words(Reader* source, i64 customer, i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    cdef u64 about = 0, tie = 0
    for _ in range(size):
        about += <u64>get_signed(source, 0)
        row[0], row[1] = customer, about
        row[2] = get_number(source, 1) if get(source, 1) else get_word(source)
        row[3] = get(source, 32) if about == TIME_ZONE else <i64>(<u64>get_signed(source, 1) + 1)
        row[4] = get_moment(source, &around.moments)
        if not get(source, 1):
            tie = get_word(source)
        row[5] = tie
        row += WORD_FIELDS


cdef inline void put_tallies(Writer* out, const i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    """Mostly the next one that has panes, and as many as these count; and when the last one was."""
    cdef i64 expected = -1
    for _ in range(size):
        expected = _next_tally(around, expected)
        if row[1] == expected and row[2] == _tallied(around, expected):
            put(out, 1, 1)
        else:
            put_after(out, 0, 1, zigzag(<u64>row[1] - <u64>expected), 0)
            put_signed(out, <u64>row[2] - <u64>_tallied(around, row[1]), 0)
        put_moment(out, &around.moments, row[3])
        expected = row[1]
        row += TALLY_FIELDS


cdef inline void get_tallies(Reader* source, i64 customer, i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    cdef i64 tally = -1
    cdef u64 more
    for _ in range(size):
        tally, more = _next_tally(around, tally), 0
        if not get(source, 1):
            tally = <i64>(<u64>tally + <u64>get_signed(source, 0))
            more = <u64>get_signed(source, 0)
        row[0], row[1], row[2] = customer, tally, <i64>(more + <u64>_tallied(around, tally))
        row[3] = get_moment(source, &around.moments)
        row += TALLY_FIELDS


cdef inline i64 _next_tally(Around* around, i64 tally) noexcept nogil:
    cdef i64 tallies = around.shape.series - around.shape.channels - 2
    if tally < -1 or tally >= tallies:
        return 0
    tally += 1
    while tally < tallies and _tallied(around, tally) == 0:
        tally += 1
    return tally


cdef inline i64 _tallied(Around* around, i64 tally) noexcept nogil:
    """How much the panes of days count of a tally."""
    cdef i64 first = around.shape.channels + 2  # behind orders and sessions
    return around.days.counts[first + tally] if 0 <= tally < around.shape.series - first else 0


cdef inline void put_funnels(Writer* out, const i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    """Which, how many steps (mostly one), when the first and the last was."""
    around.names.next = 0
    for _ in range(size):
        put_id(out, &around.names, row[1], row[2] == 1)
        if row[2] != 1:
            put_number(out, row[2], 1)
        put_moment(out, &around.moments, row[3])
        put_moment(out, &around.moments, row[4])
        row += FUNNEL_FIELDS


cdef inline void get_funnels(Reader* source, i64 customer, i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    cdef bint once = False
    around.names.next = 0
    for _ in range(size):
        row[0], row[1] = customer, get_id(source, &around.names, &once)
        row[2] = 1 if once else <i64>get_number(source, 1)
        row[3] = get_moment(source, &around.moments)
        row[4] = get_moment(source, &around.moments)
        row += FUNNEL_FIELDS
