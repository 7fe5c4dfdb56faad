"""What panes count in a packed state, and their values: amounts of money, or durations."""

from streamproc.state.bits cimport Reader, Writer, get, get_number, i64, lowest_one, put, put_after, put_number, u64
from streamproc.state.days cimport PANE_FIELDS
from streamproc.state.money cimport get_money, put_money

cdef enum:
    WORD = 56  # bits that are written at once
    SOME = 3  # panes, of which it is worth saying that all of them count one
    DURATION_ORDER = 17  # in ms: two minutes


cdef inline u64 put_counts(Writer* out, const i64* pane, Py_ssize_t size, int order) noexcept nogil:
    """Of some at a time: whether any is more than one; then a bit for each, whether it is, and how many more.

    Returns how many there are together.
    """
    cdef u64 more, together = <u64>size
    cdef i64 count
    cdef Py_ssize_t first = 0, i
    cdef int taken
    while first < size:
        more, taken = 0, <int>min(size - first, WORD)
        for i in range(taken):
            more |= <u64>(pane[PANE_FIELDS * (first + i) + 2] != 1) << i
        if taken >= SOME:
            put(out, more != 0, 1)
        if more or taken < SOME:
            put(out, more, taken)
        while more:
            count = pane[PANE_FIELDS * (first + lowest_one(more)) + 2]
            put_number(out, count - 2, order)
            together += <u64>count - 1
            more &= more - 1
        first += WORD
    return together


cdef inline u64 get_counts(Reader* source, i64* pane, Py_ssize_t size, int order) noexcept nogil:
    """`pane`: where nothing else stands, a count is one."""
    cdef u64 more, count, together = <u64>size
    cdef Py_ssize_t first = 0
    cdef int taken
    while first < size:
        taken = <int>min(size - first, WORD)
        more = get(source, taken) if taken < SOME or get(source, 1) else 0
        while more:
            count = get_number(source, order) + 2
            pane[PANE_FIELDS * (first + lowest_one(more)) + 2] = <i64>count
            together += count - 1
            more &= more - 1
        first += WORD
    return together


cdef inline void put_value(Writer* out, i64 value, bint is_money) noexcept nogil:
    if is_money:
        put_money(out, value)
    elif value == 0:
        put(out, 1, 1)
    else:
        put_after(out, 0, 1, value, DURATION_ORDER)


cdef inline i64 get_value(Reader* source, bint is_money) noexcept nogil:
    if is_money:
        return get_money(source)
    return 0 if get(source, 1) else <i64>get_number(source, DURATION_ORDER)
