"""What customers look at, when and about what, in a packed state: rows are int64[fields], the customer's row first."""

from streamproc.state.bits cimport (
    Reader, Writer, get, get_number, get_signed, i64, put, put_after, put_number, u64, zigzag,
)
from streamproc.state.names cimport get_name, put_name

cdef enum:  # of rows
    VIEW_FIELDS = 3
    SHOWN_BITS = 24  # as in `windows.views`
    HOUR_FIELDS = 3
    CATEGORY_FIELDS = 5


cdef inline void put_views(Writer* out, const i64* row, Py_ssize_t size) noexcept nogil:
    cdef i64 view = 0
    for _ in range(size):
        if row[1] == view:
            put(out, 1, 1)
        else:
            put_after(out, 0, 1, zigzag(<u64>row[1] - <u64>view), 0)
        put(out, row[2] & ((1 << SHOWN_BITS) - 1), SHOWN_BITS)
        view = row[1]
        row += VIEW_FIELDS


cdef inline void get_views(Reader* source, i64 customer, i64* row, Py_ssize_t size) noexcept nogil:
    cdef u64 view = 0
    for _ in range(size):
        if not get(source, 1):
            view += <u64>get_signed(source, 0)
        row[0], row[1], row[2] = customer, view, get(source, SHOWN_BITS)
        row += VIEW_FIELDS


cdef inline void put_hours(Writer* out, const i64* row, Py_ssize_t size) noexcept nogil:
    cdef i64 expected = 0
    for _ in range(size):
        put_number(out, <u64>row[1] - <u64>expected, 0)
        put_number(out, row[2], 3)
        expected = row[1] + 1
        row += HOUR_FIELDS


cdef inline void get_hours(Reader* source, i64 customer, i64* row, Py_ssize_t size) noexcept nogil:
    cdef u64 hour = 0
    for _ in range(size):
        hour += get_number(source, 0)
        row[0], row[1], row[2] = customer, hour, get_number(source, 3)
        hour += 1
        row += HOUR_FIELDS


cdef inline void put_categories(Writer* out, const i64* row, Py_ssize_t size) noexcept nogil:
    for _ in range(size):
        put_name(out, row + 1)
        put_number(out, row[4], 3)
        row += CATEGORY_FIELDS


cdef inline void get_categories(Reader* source, i64 customer, i64* row, Py_ssize_t size) noexcept nogil:
    for _ in range(size):
        row[0] = customer
        get_name(source, row + 1)
        row[4] = get_number(source, 3)
        row += CATEGORY_FIELDS
