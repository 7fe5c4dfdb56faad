"""Journeys through campaigns and contacts in a packed state: rows are int64[fields], the customer's row first.

A campaign without an open journey is an id, an instant and how often: what is left tells nothing. An open journey was
mostly entered at its first request, has no steps behind that were not requested, and looks at its next step when that is
due.
"""

from streamproc.state.around cimport Around
from streamproc.state.bits cimport (
    INF, NEVER, Reader, Writer, get, get_number, get_signed, i64, put, put_number, put_signed, spoil, u64,
)
from streamproc.state.moments cimport SECOND_MS, Moments, get_moment, put_moment
from streamproc.state.names cimport get_id, put_id
from streamproc.state.seconds cimport get_span, put_span

cdef enum:  # of a journey
    CAMPAIGN = 1
    SEQ, REQUESTED, ENTERED, FIRST, DUE, LOOK, STEP, ASKED, REQUESTS, ARM,
    JOURNEY_FIELDS

cdef enum:
    CONTACT_FIELDS = 3
    CHANNEL_BITS = 3
    CHANNELS = 5
    NO_STEP = -1
    PLACES_MAX = 0x7FFFFFFF  # of a ladder: no more can be, as readers count on


cdef inline void put_journeys(Writer* out, const i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    for _ in range(size):
        put_id(out, &around.names, row[CAMPAIGN], row[SEQ] == 1)
        put_moment(out, &around.moments, row[REQUESTED])
        if row[SEQ] != 1:
            put_number(out, row[SEQ], 1)
        if _is_closed(row):
            put(out, 0, 1)
        else:
            put(out, 1, 1)
            _put_open(out, row, &around.moments)
        row += JOURNEY_FIELDS


cdef inline void get_journeys(
    Reader* source, i64 customer, i64* row, Py_ssize_t size, Around* around
) noexcept nogil:
    cdef bint once = False
    for _ in range(size):
        row[0], row[CAMPAIGN] = customer, get_id(source, &around.names, &once)
        row[REQUESTED] = get_moment(source, &around.moments)
        row[SEQ] = 1 if once else <i64>get_number(source, 1)
        if get(source, 1):
            _get_open(source, row, &around.moments)
        else:
            row[ENTERED] = row[FIRST] = row[DUE] = NEVER
            row[LOOK], row[STEP] = INF, NO_STEP
            row[ASKED] = row[REQUESTS] = row[ARM] = 0
        row += JOURNEY_FIELDS


cdef inline bint _is_closed(const i64* row) noexcept nogil:
    return (
        row[STEP] == NO_STEP and row[LOOK] == INF and row[ENTERED] == NEVER and row[FIRST] == NEVER
        and row[DUE] == NEVER and row[ASKED] == 0 and row[REQUESTS] == 0 and row[ARM] == 0
    )


cdef inline void _put_open(Writer* out, const i64* row, Moments* moments) noexcept nogil:
    cdef i64 last_ms
    put_number(out, row[REQUESTS], 0)
    put_signed(out, <u64>row[ASKED] - <u64>row[REQUESTS], 0)
    put_signed(out, <u64>row[STEP] - <u64>row[ASKED], 0)
    put_number(out, row[ARM], 0)
    put_span(out, moments, row[ENTERED], row[REQUESTED], _since_ms(row[REQUESTED], moments))
    last_ms = row[REQUESTED] if row[REQUESTS] else row[ENTERED]
    put_span(out, moments, row[FIRST], row[ENTERED] if row[REQUESTS] else NEVER, row[ENTERED])
    put_span(out, moments, row[DUE], last_ms, last_ms)
    put_span(out, moments, row[LOOK], row[DUE], last_ms if row[FIRST] == NEVER else row[FIRST])


cdef inline void _get_open(Reader* source, i64* row, Moments* moments) noexcept nogil:
    cdef i64 last_ms
    row[REQUESTS] = get_number(source, 0)
    row[ASKED] = <i64>(<u64>row[REQUESTS] + <u64>get_signed(source, 0))
    row[STEP] = <i64>(<u64>row[ASKED] + <u64>get_signed(source, 0))
    row[ARM] = get_number(source, 0)
    row[ENTERED] = get_span(source, moments, row[REQUESTED], _since_ms(row[REQUESTED], moments))
    last_ms = row[REQUESTED] if row[REQUESTS] else row[ENTERED]
    row[FIRST] = get_span(source, moments, row[ENTERED] if row[REQUESTS] else NEVER, row[ENTERED])
    row[DUE] = get_span(source, moments, last_ms, last_ms)
    row[LOOK] = get_span(source, moments, row[DUE], last_ms if row[FIRST] == NEVER else row[FIRST])
    if not (
        _is_place(row[REQUESTS], 0) and _is_place(row[ASKED], 0) and _is_place(row[STEP], NO_STEP)
        and _is_place(row[ARM], 0)
    ):
        spoil(source)


cdef inline i64 _since_ms(i64 requested_ms, const Moments* moments) noexcept nogil:
    """What the entry is told from: whole seconds, as both are under the event clock."""
    return requested_ms if requested_ms != NEVER else moments.known[0] // SECOND_MS * SECOND_MS


cdef inline bint _is_place(i64 number, i64 least) noexcept nogil:
    return least <= number <= PLACES_MAX


cdef inline void put_contacts(Writer* out, const i64* row, Py_ssize_t size, Around* around) noexcept nogil:
    """The channel, and when: mostly a request, or seconds after the one before."""
    cdef i64 before_ms = _since_ms(NEVER, &around.moments)
    for _ in range(size):
        put(out, <u64>row[1] & ((1 << CHANNEL_BITS) - 1), CHANNEL_BITS)
        put_span(out, &around.moments, row[2], before_ms, before_ms)
        before_ms = row[2]
        row += CONTACT_FIELDS


cdef inline void get_contacts(
    Reader* source, i64 customer, i64* row, Py_ssize_t size, Around* around
) noexcept nogil:
    cdef i64 before_ms = _since_ms(NEVER, &around.moments)
    for _ in range(size):
        row[0], row[1] = customer, get(source, CHANNEL_BITS)
        if row[1] >= CHANNELS:
            spoil(source)
            row[1] = 0
        row[2] = before_ms = get_span(source, &around.moments, before_ms, before_ms)
        row += CONTACT_FIELDS
