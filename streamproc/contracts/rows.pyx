"""Rows of events, begun and copied one by one: what most events say of themselves, taken from each in one pass.

A row is one of `columns.EVENT_DTYPE`. What may make no sense in an event of the right types, and what only few events
say, is not looked at here: `chunk.Chunk` is told where to.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.datetime cimport (
    PyDateTime_Check,
    PyDateTime_DATE_GET_HOUR,
    PyDateTime_DATE_GET_MICROSECOND,
    PyDateTime_DATE_GET_MINUTE,
    PyDateTime_DATE_GET_SECOND,
    PyDateTime_GET_DAY,
    PyDateTime_GET_MONTH,
    PyDateTime_GET_YEAR,
    datetime_tzinfo,
    get_utc,
    import_datetime,
)
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.math cimport rint
from libc.string cimport memcpy

from xxhash import xxh3_64_intdigest

from streamproc.contracts.hashes import as_category, text_hash
from streamproc.contracts.instants import to_epoch_ms

import_datetime()

ctypedef unsigned char byte
ctypedef long long i64
ctypedef unsigned long long u64

cdef enum:  # in step with `meanings`
    ORIGINS = 4
    PLAIN = 0
    IDENTIFY = 1
    UNKNOWN = 2
    PAGE = 1 << 5
    PRODUCT = 1 << 6

cdef enum:  # in step with `events`
    CATEGORY_BYTES = 24

cdef enum:  # in step with `subjects`
    PAGES = 0
    PRODUCTS = 1


cdef struct Row:  # in step with `columns.EVENT_DTYPE`
    i64 offset, ts_ms
    u64 message_hash
    i64 duration_ms, money_micros, cart, cart_micros
    u64 ticket_hash
    unsigned int name, shown, time_zone
    char[CATEGORY_BYTES] category
    short consent
    signed char topic, channel
    byte counted, activity, order
    signed char tally, valence, view, survey, score, ticket, suppressed, answered, contact


cdef class Begun:
    """What `begin` found in n events."""

    cdef readonly bytearray rows
    """n rows"""
    cdef readonly list codes
    """n codes of what their names mean"""
    cdef readonly list customers
    """n user ids; None: not given"""
    cdef readonly list looks
    """(row, what to look at) of the events in which to look at anything else than a page or product"""
    cdef readonly list odd_customers
    """the rows without a user id, or with one that is reserved"""
    cdef readonly list sent
    """the rows with an instant of sending"""
    cdef readonly u64 latest_ms
    """the greatest `ts_ms`; those before 1970 count as very large"""


def begin(
    list events,
    records,
    int topic,
    origins,
    dict codes,
    bytes plain,
    const byte[::1] looks,
    str reserved,
):
    """Begin the rows of n `events`, read from as many `records` of a topic; `origins`: of each.

    `codes`: of the names of track calls. `plain`: the row that an event begins with, for each origin and code;
    `looks`: what to look at in it. `reserved`: how a user id must not begin.
    """
    cdef Py_ssize_t i, code, place, size = len(events), names = looks.shape[0] // ORIGINS
    cdef const char* begins = plain
    if len(plain) != looks.shape[0] * sizeof(Row) or not len(records) == len(origins) == size:
        raise ValueError("rows of another shape, or not as many of each")
    cdef Begun found = Begun()
    found.rows = PyByteArray_FromStringAndSize(NULL, size * sizeof(Row))
    found.codes, found.customers, found.looks, found.odd_customers, found.sent = [], [], [], [], []
    cdef Row* row = <Row*>PyByteArray_AS_STRING(found.rows)
    for i in range(size):
        event = events[i]
        kind = event.type
        if kind == "track":
            code = codes.get(event.event, UNKNOWN)
        else:
            code = IDENTIFY if kind == "identify" else PLAIN
        place = <Py_ssize_t>origins[i] * names + code
        if not 0 <= place < looks.shape[0]:
            raise ValueError("no such origin or code")
        memcpy(&row[i], begins + place * sizeof(Row), sizeof(Row))
        found.codes.append(code)
        row[i].topic = topic
        row[i].offset = records[i].offset
        row[i].message_hash = xxh3_64_intdigest((<str?>event.message_id).encode())
        row[i].ts_ms = _epoch_ms(event.timestamp)
        found.latest_ms = max(found.latest_ms, <u64>row[i].ts_ms)
        if event.sent_at is not None:
            found.sent.append(i)
        customer = event.user_id
        found.customers.append(customer)
        if customer is None or (<str?>customer).startswith(reserved):
            found.odd_customers.append(i)
        if looks[place] & ~(PAGE | PRODUCT):
            found.looks.append((i, looks[place]))
        properties = event.properties
        if looks[place] & PAGE:
            _show(&row[i], PAGES, _page(event, properties))
        if properties is not None:
            if looks[place] & PRODUCT:
                _show(&row[i], PRODUCTS, _product(properties))
            duration_ms = properties.duration_ms
            if duration_ms is not None and row[i].counted:
                row[i].duration_ms = <i64>rint(duration_ms)
            category = properties.category
            if type(category) is str and row[i].activity:
                _set_category(&row[i], category)
    return found


def is_whole(const Py_ssize_t[::1] index, Py_ssize_t size):
    """Whether `index` is 0, 1 ... `size` - 1."""
    cdef Py_ssize_t i
    if index.shape[0] != size:
        return False
    for i in range(size):
        if index[i] != i:
            return False
    return True


def pick(list items, const Py_ssize_t[::1] index):
    """The items at `index`, in its order."""
    cdef Py_ssize_t i
    picked = []
    for i in range(index.shape[0]):
        if not 0 <= index[i] < len(items):
            raise IndexError("no such item")
        picked.append(items[index[i]])
    return picked


def pick_rows(rows, Py_ssize_t size, const Py_ssize_t[::1] index):
    """The rows at `index`, in its order, as bytes. `rows`: as many bytes in a row as `size` says."""
    cdef Py_ssize_t i
    cdef Py_buffer of
    PyObject_GetBuffer(rows, &of, PyBUF_SIMPLE)
    try:
        picked = PyByteArray_FromStringAndSize(NULL, index.shape[0] * size)
        for i in range(index.shape[0]):
            if not 0 <= index[i] < of.len // size:
                raise IndexError("no such row")
            memcpy(PyByteArray_AS_STRING(picked) + i * size, <char*>of.buf + index[i] * size, size)
    finally:
        PyBuffer_Release(&of)
    return picked


cdef i64 _epoch_ms(instant) except? -1:
    """As `instants.to_epoch_ms`, of one."""
    cdef i64 year, month, days
    if not PyDateTime_Check(instant):
        raise TypeError("no instant")
    if datetime_tzinfo(instant) is not get_utc():
        return to_epoch_ms([instant])[0]
    # Days since 1970-03-01 by years that begin in March, so that a leap day is the last of its year.
    month = (PyDateTime_GET_MONTH(instant) + 9) % 12
    year = PyDateTime_GET_YEAR(instant) - (month >= 10)
    days = year * 365 + year // 4 - year // 100 + year // 400 + (month * 306 + 5) // 10 - DAYS_TO_1970
    days += PyDateTime_GET_DAY(instant) - 1
    return (
        ((days * 24 + PyDateTime_DATE_GET_HOUR(instant)) * 60 + PyDateTime_DATE_GET_MINUTE(instant)) * 60
        + PyDateTime_DATE_GET_SECOND(instant)
    ) * 1000 + PyDateTime_DATE_GET_MICROSECOND(instant) // 1000


cdef enum:
    DAYS_TO_1970 = 719468  # from 1 March of the year 0


cdef _page(event, properties):
    """The first of its names; "" where it has none."""
    name = event.name
    if properties is not None and not (type(name) is str and name):
        name = properties.path
        if not (type(name) is str and name):
            name = properties.url
    return name if type(name) is str else ""


cdef _product(properties):
    """The first of its names; "" where it has none."""
    name = properties.product_id
    if type(name) is not int and not (type(name) is str and name):
        name = properties.sku
    return str(name) if type(name) is int else name if type(name) is str else ""


cdef int _show(Row* row, int kind, str name) except -1:
    if name:
        row.view = kind
        row.shown = text_hash(name)
    return 0


cdef int _set_category(Row* row, str text) except -1:
    """As `hashes.as_category`; hardly any category needs it."""
    cdef Py_ssize_t size = 0
    cdef const char* utf8 = PyUnicode_AsUTF8AndSize(text, &size)
    if 0 < size <= CATEGORY_BYTES and not _is_trimmed(utf8[0]) and not _is_trimmed(utf8[size - 1]):
        memcpy(row.category, utf8, size)
        return 0
    cdef bytes cut = as_category(text)
    memcpy(row.category, <const char*>cut, min(<Py_ssize_t>CATEGORY_BYTES, len(cut)))
    return 0


cdef inline bint _is_trimmed(char character) noexcept:
    return character == c" " or character == 0
