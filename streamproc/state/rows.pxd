"""The rows of most sparse tables in a packed state, each table in a form of its own.

What is likely is told in a bit: that a tally follows that has panes, that a segment was entered once and left. Fields
are named and ordered as in `windows.table`; rows are int64[fields], the customer's row first.
"""

from streamproc.state.around cimport Around
from streamproc.state.bits cimport (
    NEVER, ONES_32, Reader, Writer, get, get_number, get_signed, get_word, i64, put, put_after, put_number, put_signed,
    put_word, u64, zigzag,
)
from streamproc.state.days cimport last_day
from streamproc.state.moments cimport NO_DAY, get_moment, get_moment_on, put_moment, put_moment_on
from streamproc.state.names cimport get_id, put_id

cdef enum:  # of rows
    RING_FIELDS = 3
    MEMBER_FIELDS = 4
    WORD_FIELDS = 6
    TALLY_FIELDS = 4
    FUNNEL_FIELDS = 5

cdef enum:
    TIME_ZONE = 4  # of `windows.words`: what such a word says is a hash of 32 bits

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
    """Segments: the id, and if the customer was not in it once before, since when, how often."""
    cdef bint is_past
    for _ in range(size):
        is_past = row[2] == NEVER and row[3] == 1
        put_id(out, &around.names, row[1], is_past)
        if not is_past:
            put_moment(out, &around.moments, row[2])
            put_number(out, row[3] - 1, 0)
        row += MEMBER_FIELDS


cdef inline void get_members(Reader* source, i64 customer, i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    cdef bint is_past = False
    for _ in range(size):
        row[0], row[1] = customer, get_id(source, &around.names, &is_past)
        row[2], row[3] = NEVER, 1
        if not is_past:
            row[2] = get_moment(source, &around.moments)
            row[3] = <i64>(get_number(source, 0) + 1)
        row += MEMBER_FIELDS


cdef inline void put_words(Writer* out, const i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    """About what, a small key or a hash, what was said, when, and half a hash, often that of the row before."""
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
            put(out, row[5] & ONES_32, 32)
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
            tie = get(source, 32)
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
        put_moment_on(out, &around.moments, row[3], _tallied_on(around, row[1]))
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
        row[3] = get_moment_on(source, &around.moments, _tallied_on(around, tally))
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


cdef inline i64 _tallied_on(Around* around, i64 tally) noexcept nogil:
    """The last day that has panes of a tally."""
    cdef i64 first = around.shape.channels + 2
    return last_day(&around.days, first + tally) if 0 <= tally < around.shape.series - first else NO_DAY


cdef inline void put_funnels(Writer* out, const i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    """Which, how many steps (mostly one), when the first and the last was."""
    for _ in range(size):
        put_id(out, &around.names, row[1], row[2] == 1)
        if row[2] != 1:
            put_number(out, row[2], 1)
        put_moment(out, &around.moments, row[3])
        put_moment(out, &around.moments, row[4])
        row += FUNNEL_FIELDS


cdef inline void get_funnels(Reader* source, i64 customer, i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    cdef bint once = False
    for _ in range(size):
        row[0], row[1] = customer, get_id(source, &around.names, &once)
        row[2] = 1 if once else <i64>get_number(source, 1)
        row[3] = get_moment(source, &around.moments)
        row[4] = get_moment(source, &around.moments)
        row += FUNNEL_FIELDS
