"""The bytes of many signals: forms filled in, and instants as ISO 8601 writes them."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

ctypedef long long i64

cdef enum:
    DAY_MS = 86_400_000
    ERA_DAYS = 146_097  # 400 years of the Gregorian calendar, after which it begins anew
    EPOCH_IN_ERAS = 719_468  # days from 0000-03-01 to 1970-01-01

#: 0001-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z
cdef i64 FIRST_MS = -62_135_596_800_000
cdef i64 LAST_MS = 253_402_300_799_999


def fill(list forms not None, *columns):
    """Each form with what stands at its place in the columns: one column for each blank, in their order.

    A form is the constants around its blanks: a tuple of bytes, one more than there are columns (lists of bytes).
    """
    cdef Py_ssize_t i, blank, size, blanks = len(columns)
    cdef list made = []
    cdef tuple form
    cdef bytes whole
    cdef char* end
    for column in columns:
        if type(column) is not list or len(column) != len(forms):
            raise ValueError("columns are lists, as long as there are forms")
    for i in range(len(forms)):
        form = forms[i]
        if len(form) != blanks + 1:
            raise ValueError("a form has one blank for each column")
        size = _size(form[blanks])
        for blank in range(blanks):
            size += _size(form[blank]) + _size((<list>(<tuple>columns)[blank])[i])
        whole = PyBytes_FromStringAndSize(NULL, size)
        end = PyBytes_AS_STRING(whole)
        for blank in range(blanks):
            end = _write(end, form[blank])
            end = _write(end, (<list>(<tuple>columns)[blank])[i])
        _write(end, form[blanks])
        made.append(whole)
    return made


cdef inline Py_ssize_t _size(part) except -1:
    if not PyBytes_CheckExact(part):
        raise TypeError("forms are of bytes and filled with bytes")
    return PyBytes_GET_SIZE(part)


cdef inline char* _write(char* end, part) noexcept:
    memcpy(end, PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))
    return end + PyBytes_GET_SIZE(part)


def iso_column(const i64[:] at_ms):
    """`contracts.instants.to_iso` of each, as bytes."""
    cdef Py_ssize_t i
    cdef char[24] text
    cdef list made = []
    for i in range(at_ms.shape[0]):
        _print(text, max(FIRST_MS, min(LAST_MS, at_ms[i])))
        made.append(PyBytes_FromStringAndSize(text, sizeof(text)))
    return made


cdef void _print(char* text, i64 at_ms) noexcept nogil:
    """Years are counted from March here, so that the day a leap year adds is their last (Howard Hinnant's algorithm:
    https://howardhinnant.github.io/date_algorithms.html#civil_from_days).
    """
    cdef i64 day = at_ms // DAY_MS - (at_ms % DAY_MS < 0)  # C rounds towards zero
    cdef i64 ms = at_ms - day * DAY_MS
    cdef i64 days = day + EPOCH_IN_ERAS  # not negative from the year 1 on
    cdef i64 of_era = days % ERA_DAYS
    cdef i64 year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    cdef i64 of_year = of_era - (365 * year + year // 4 - year // 100)
    cdef i64 month = (5 * of_year + 2) // 153  # 0 is March
    cdef i64 of_month = of_year - (153 * month + 2) // 5 + 1
    year += 400 * (days // ERA_DAYS) + (month >= 10)
    month += 3 if month < 10 else -9
    memcpy(text, b"0000-00-00T00:00:00.000Z", 24)
    _digits(text + 3, year)
    _digits(text + 6, month)
    _digits(text + 9, of_month)
    _digits(text + 12, ms // 3_600_000)
    _digits(text + 15, ms // 60_000 % 60)
    _digits(text + 18, ms // 1_000 % 60)
    _digits(text + 22, ms % 1_000)


cdef inline void _digits(char* last, i64 number) noexcept nogil:
    """Write a number that ends at `last`, over zeros."""
    while number:
        last[0] = ord(b"0") + number % 10
        number //= 10
        last -= 1
