"""The bytes of packed states, written and read number by number.

Tables are int64[rows, fields], sorted by their first field, the customer's row; the head has one row a customer and no
such field. A state is: how many rows each table has, an instant that others are told from, the panes, the head, which
is told from the panes, and the rows of the other tables, those first from whose instants others are told.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, realloc

from streamproc.state.active cimport ACTIVE_BYTES_MAX
from streamproc.state.around cimport Around
from streamproc.state.bits cimport (
    NUMBER_BYTES_MAX, Reader, Writer, byte, end_of, get_number, i64, is_at_end, put_number, u64,
)
from streamproc.state.days cimport PANE_FIELDS, SERIES_MAX, TIERS_MAX, Shape, begin_days
from streamproc.state.fixed cimport HEAD_FIELDS, get_head, put_head
from streamproc.state.habits cimport (
    CATEGORY_FIELDS, HOUR_FIELDS, VIEW_FIELDS, get_categories, get_hours, get_views, put_categories, put_hours,
    put_views,
)
from streamproc.state.journeys cimport (
    CONTACT_FIELDS, JOURNEY_FIELDS, get_contacts, get_journeys, put_contacts, put_journeys,
)
from streamproc.state.moments cimport begin_moments
from streamproc.state.names cimport PLACES
from streamproc.state.rows cimport (
    FUNNEL_FIELDS, MEMBER_FIELDS, RING_FIELDS, TALLY_FIELDS, WORD_FIELDS, get_funnels, get_members, get_ring,
    get_tallies, get_words, put_funnels, put_members, put_ring, put_tallies, put_words,
)
from streamproc.state.runs cimport PANE_BYTES_MAX, get_panes, put_panes

cdef enum:
    BASE_ORDER = 38  # in ms from then on: until 2032
    BASE_MS = 1_700_000_000_000

cdef enum:  # places of the tables, as in `windows.table.SPARSE_TABLES`
    PANES, RING, MEMBERS, JOURNEYS, WORDS, TALLIES, VIEWS, HOURS, CATEGORIES, FUNNELS, CONTACTS,
    TABLES


cdef struct Table:
    i64* next  # row
    const i64* end
    int fields


def pack(
    int version,
    wanted,
    const i64[::1] base_ms,
    const i64[:, ::1] head,
    list tables,
    const byte[::1] orders,
    const i64[::1] widths_ms,
    int series,
    int channels,
    const i64[::1] ids,
    const double[:, ::1] decay,
):
    """The packed states of the `wanted` (bool[n]) customers of `head`, whose instants are told from `base_ms`.

    `tables`: the sparse ones; `orders`: of the numbers of their rows. `widths_ms`: of panes by tier. Series below
    `channels` are channels; those of orders, sessions and tallies follow. `ids`: those that are told by their place.
    `decay`: see `active`.
    """
    cdef Table[TABLES] opened
    cdef Around around
    cdef Writer out
    cdef byte* buffer = NULL
    cdef byte* p
    cdef Py_ssize_t capacity = 0, needed, customer, first = 0, end = head.shape[0]
    cdef int number
    cdef Py_ssize_t[TABLES] rows
    cdef i64* row
    cdef const byte[::1] is_wanted = wanted.view("u1")
    _open(opened, head.shape[1], tables, orders)
    _look_around(&around, widths_ms, series, channels, ids, decay)
    if is_wanted.shape[0] != end or base_ms.shape[0] != end:
        raise ValueError("each customer has a base, and is wanted or not")
    while first < end and not is_wanted[first]:  # a shard's customers stand together in a table of several
        first += 1
    while end > first and not is_wanted[end - 1]:
        end -= 1
    for number in range(TABLES):
        _skip_to(&opened[number], first)
    states = []
    try:
        for customer in range(first, end):
            needed = (4 + TABLES + HEAD_FIELDS) * NUMBER_BYTES_MAX + ACTIVE_BYTES_MAX
            for number in range(TABLES):
                rows[number], row = 0, opened[number].next
                while row < opened[number].end and row[0] == customer:
                    row += opened[number].fields
                    rows[number] += 1
                needed += rows[number] * opened[number].fields * (PANE_BYTES_MAX if number == 0 else NUMBER_BYTES_MAX)
            if is_wanted[customer]:
                if needed > capacity:
                    capacity = 2 * needed
                    p = <byte*>realloc(buffer, capacity)
                    if p == NULL:
                        raise MemoryError
                    buffer = p
                buffer[0] = version
                out = Writer(buffer + 1, 0, 0)
                for number in range(TABLES):
                    put_number(&out, rows[number], orders[number])
                put_number(&out, <u64>base_ms[customer] - <u64>BASE_MS, BASE_ORDER)
                _begin(&around, base_ms[customer])
                _put(&out, &head[customer, 0], opened, rows, &around)
                states.append(PyBytes_FromStringAndSize(<char*>buffer, end_of(&out) - buffer))
            for number in range(TABLES):
                opened[number].next += rows[number] * opened[number].fields
    finally:
        free(buffer)
    return states


cdef void _put(Writer* out, const i64* head, Table* tables, Py_ssize_t* rows, Around* around) noexcept nogil:
    put_panes(out, tables[PANES].next, rows[PANES], around.shape, around.base_ms, &around.days)
    put_head(out, head, around)
    put_ring(out, tables[RING].next, rows[RING], around)
    put_tallies(out, tables[TALLIES].next, rows[TALLIES], around)
    put_words(out, tables[WORDS].next, rows[WORDS], around)
    put_members(out, tables[MEMBERS].next, rows[MEMBERS], around)
    put_journeys(out, tables[JOURNEYS].next, rows[JOURNEYS], around)
    put_contacts(out, tables[CONTACTS].next, rows[CONTACTS], around)
    put_funnels(out, tables[FUNNELS].next, rows[FUNNELS], around)
    put_views(out, tables[VIEWS].next, rows[VIEWS])
    put_hours(out, tables[HOURS].next, rows[HOURS])
    put_categories(out, tables[CATEGORIES].next, rows[CATEGORIES])


def read_counts(list states, const byte[::1] orders, i64[:, ::1] counts):
    """Read how many rows each state has in each sparse table, and which bit is next: int64[states, tables + 1].

    Returns the place of the first one that cannot be, as it is shorter than that; -1: there is none.
    """
    cdef Py_ssize_t place
    cdef int number
    cdef Reader source
    cdef u64 count
    if orders.shape[0] != TABLES or counts.shape[1] != TABLES + 1:
        raise ValueError("each table has an order and a count")
    for place in range(len(states)):
        source = _reader(states[place])
        for number in range(TABLES):
            count = get_number(&source, orders[number])
            if count > 8 * source.size:  # no row is smaller than a bit
                return place
            counts[place, number] = count
        counts[place, TABLES] = source.at
    return -1


def unpack(
    list states,
    const i64[:, ::1] counts,
    i64[:, ::1] head,
    list tables,
    const byte[::1] orders,
    const i64[::1] widths_ms,
    int series,
    int channels,
    const i64[::1] ids,
    const double[:, ::1] decay,
):
    """The inverse of `pack`, into tables of the sizes that `counts` (of `read_counts`) adds up to.

    Returns the place of the first state that cannot be, or does not end where it should; -1: there is none.
    """
    cdef Table[TABLES] opened
    cdef Around around
    cdef Reader source
    cdef int number
    cdef Py_ssize_t place
    if counts.shape[1] != TABLES + 1 or counts.shape[0] != len(states) or head.shape[0] != len(states):
        raise ValueError("each state has a head and counts")
    _open(opened, head.shape[1], tables, orders)
    _look_around(&around, widths_ms, series, channels, ids, decay)
    for place in range(len(states)):
        source = _reader(states[place])
        source.at = counts[place, TABLES]
        for number in range(TABLES):
            if counts[place, number] * opened[number].fields > opened[number].end - opened[number].next:
                raise ValueError("the tables are smaller than the counts add up to")
        _begin(&around, <i64>(get_number(&source, BASE_ORDER) + <u64>BASE_MS))
        _get(&source, place, &head[place, 0], opened, &counts[place, 0], &around)
        for number in range(TABLES):
            opened[number].next += counts[place, number] * opened[number].fields
        if not is_at_end(&source):
            return place
    return -1


cdef void _get(
    Reader* source, i64 place, i64* head, Table* tables, const i64* rows, Around* around
) noexcept nogil:
    get_panes(source, place, tables[PANES].next, rows[PANES], around.shape, around.base_ms, &around.days)
    get_head(source, head, around)
    get_ring(source, place, tables[RING].next, rows[RING], around)
    get_tallies(source, place, tables[TALLIES].next, rows[TALLIES], around)
    get_words(source, place, tables[WORDS].next, rows[WORDS], around)
    get_members(source, place, tables[MEMBERS].next, rows[MEMBERS], around)
    get_journeys(source, place, tables[JOURNEYS].next, rows[JOURNEYS], around)
    get_contacts(source, place, tables[CONTACTS].next, rows[CONTACTS], around)
    get_funnels(source, place, tables[FUNNELS].next, rows[FUNNELS], around)
    get_views(source, place, tables[VIEWS].next, rows[VIEWS])
    get_hours(source, place, tables[HOURS].next, rows[HOURS])
    get_categories(source, place, tables[CATEGORIES].next, rows[CATEGORIES])


cdef int _open(Table* opened, Py_ssize_t head_fields, list tables, const byte[::1] orders) except -1:
    cdef i64[:, ::1] rows
    cdef int[TABLES] fields = [
        PANE_FIELDS, RING_FIELDS, MEMBER_FIELDS, JOURNEY_FIELDS, WORD_FIELDS, TALLY_FIELDS, VIEW_FIELDS, HOUR_FIELDS,
        CATEGORY_FIELDS, FUNNEL_FIELDS, CONTACT_FIELDS,
    ]
    if len(tables) != TABLES or orders.shape[0] != TABLES or head_fields != HEAD_FIELDS:
        raise ValueError("these are not the tables of a customer")
    for number in range(TABLES):
        rows = tables[number]
        if rows.shape[1] != fields[number]:
            raise ValueError("a table has other fields")
        opened[number].next = &rows[0, 0] if rows.shape[0] else NULL
        opened[number].end = opened[number].next + rows.shape[0] * rows.shape[1]
        opened[number].fields = fields[number]
    return 0


cdef void _skip_to(Table* table, i64 customer) noexcept nogil:
    """Go to the first row of a customer or of those behind."""
    cdef Py_ssize_t low = 0, high = (table.end - table.next) // table.fields, middle
    while low < high:
        middle = (low + high) // 2
        if table.next[middle * table.fields] < customer:
            low = middle + 1
        else:
            high = middle
    table.next += low * table.fields


cdef int _look_around(
    Around* around,
    const i64[::1] widths_ms,
    int series,
    int channels,
    const i64[::1] ids,
    const double[:, ::1] decay,
) except -1:
    if not channels + 2 < series <= SERIES_MAX:
        raise ValueError("there are channels, orders, sessions and tallies, and not too many series")
    if widths_ms.shape[0] > TIERS_MAX:
        raise ValueError("there are not so many tiers")
    if ids.shape[0] > PLACES:
        raise ValueError("there are not so many places")
    if decay.shape[0] != 3 or decay.shape[1] != 128:
        raise ValueError("three weights a day of the bitmap")
    around.shape = Shape(&widths_ms[0], <int>widths_ms.shape[0], series, channels)
    around.names.ids = &ids[0] if ids.shape[0] else NULL
    around.names.size = <int>ids.shape[0]
    around.decay = &decay[0, 0]
    return 0


cdef inline Reader _reader(bytes state):
    """A state behind its version."""
    return Reader(<const byte*>PyBytes_AS_STRING(state) + 1, max(PyBytes_GET_SIZE(state), 1) - 1, 0)


cdef inline void _begin(Around* around, i64 base_ms) noexcept nogil:
    around.base_ms = base_ms
    around.names.next = 0
    begin_moments(&around.moments, base_ms, &around.days)
    begin_days(&around.days)
