"""The bytes of packed states, written and read number by number.

Tables are int64[rows, fields], sorted by their first field, the customer's row; the head has one row a customer and no
such field. Numbers are LEB128 varints: seven bits a byte, the lowest first, the top bit set while more follow. What
makes a field's number small before that is its code, one of `layout.Code`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, realloc

ctypedef unsigned char byte
ctypedef long long i64
ctypedef unsigned long long u64

cdef enum:
    TABLES_MAX = 16
    NUMBER_BYTES_MAX = 10
    PANE_BYTES_MAX = 6 * NUMBER_BYTES_MAX
    KIND_SHIFT = 32  # a pane's key is tier | series | pane, as in `windows.panes`
    TIER_SHIFT = 8
    SECOND_MS = 1_000
    DAY_MS = 86_400_000

cdef enum Code:  # in step with `layout.Code`
    COUNT
    SIGNED
    INSTANT
    SECOND
    DAY
    WORD
    EIGHT

cdef i64 NEVER = -1
cdef i64 INF = 0x7FFFFFFFFFFFFFFF
cdef i64 PANE_MASK = 0xFFFFFFFF


cdef struct Table:
    i64* rows
    Py_ssize_t size
    Py_ssize_t at  # the next row
    int fields
    const byte* codes  # of the fields behind the customer's row


cdef struct Panes:
    const i64* widths_ms  # by tier
    int tiers
    int series
    int valued  # series below it have values


def pack(
    int version,
    wanted,
    const i64[::1] base_ms,
    const i64[:, ::1] head,
    const byte[::1] head_codes,
    list tables,
    list codes,
    const i64[::1] widths_ms,
    int series,
    int valued,
):
    """The packed states of the `wanted` (bool[n]) customers of `head`, whose instants are told from `base_ms`.

    `tables`: the sparse ones, that of panes first; `codes`: of their fields behind the customer's row.
    """
    cdef Table[TABLES_MAX] opened
    cdef Panes kind = Panes(&widths_ms[0], <int>widths_ms.shape[0], series, valued)
    cdef byte* buffer = NULL
    cdef byte* p
    cdef Py_ssize_t capacity = 0, needed, customer, end
    cdef int number, count = _open(opened, tables, codes)
    cdef Py_ssize_t[TABLES_MAX] rows
    cdef const byte[::1] is_wanted = wanted.view("u1")
    states = []
    try:
        for customer in range(head.shape[0]):
            needed = (2 + count + head_codes.shape[0]) * NUMBER_BYTES_MAX
            for number in range(count):
                end = opened[number].at
                while end < opened[number].size and opened[number].rows[end * opened[number].fields] == customer:
                    end += 1
                rows[number] = end - opened[number].at
                needed += rows[number] * (PANE_BYTES_MAX if number == 0 else opened[number].fields * NUMBER_BYTES_MAX)
            if not is_wanted[customer]:
                for number in range(count):
                    opened[number].at += rows[number]
                continue
            if needed > capacity:
                capacity = 2 * needed
                p = <byte*>realloc(buffer, capacity)
                if p == NULL:
                    raise MemoryError
                buffer = p
            buffer[0] = version
            p = buffer + 1
            for number in range(count):
                p = _put(p, rows[number])
            p = _put(p, base_ms[customer])
            p = _put_cells(p, &head[customer, 0], &head_codes[0], head_codes.shape[0], base_ms[customer])
            p = _put_panes(p, &opened[0], rows[0], kind, base_ms[customer])
            for number in range(1, count):
                for _ in range(rows[number]):
                    p = _put_cells(
                        p,
                        opened[number].rows + opened[number].at * opened[number].fields + 1,
                        opened[number].codes,
                        opened[number].fields - 1,
                        base_ms[customer],
                    )
                    opened[number].at += 1
            states.append(PyBytes_FromStringAndSize(<char*>buffer, p - buffer))
    finally:
        free(buffer)
    return states


def read_counts(list states, i64[:, ::1] counts):
    """Read how many rows each state has in each sparse table: int64[states, tables].

    Returns the place of the first one that cannot be, as it is shorter than that; -1: there is none.
    """
    cdef Py_ssize_t place
    cdef int number
    cdef const byte* p
    cdef const byte* end
    cdef u64 count
    for place in range(len(states)):
        p = <const byte*>PyBytes_AS_STRING(states[place]) + 1
        end = p + PyBytes_GET_SIZE(states[place]) - 1
        for number in range(counts.shape[1]):
            p = _get(p, end, &count)
            if count > <u64>(end - p if p < end else 0):  # no row is smaller than a byte
                return place
            counts[place, number] = count
    return -1


def unpack(
    list states,
    const i64[:, ::1] counts,
    i64[:, ::1] head,
    const byte[::1] head_codes,
    list tables,
    list codes,
    const i64[::1] widths_ms,
    int series,
    int valued,
):
    """The inverse of `pack`, into tables of the sizes that `counts` adds up to.

    Returns the place of the first state that cannot be, or does not end where it should; -1: there is none.
    """
    cdef Table[TABLES_MAX] opened
    cdef Panes kind = Panes(&widths_ms[0], <int>widths_ms.shape[0], series, valued)
    cdef int number, count = _open(opened, tables, codes)
    cdef Py_ssize_t place
    cdef const byte* p
    cdef const byte* end
    cdef u64 value
    cdef i64 base_ms
    cdef i64* row
    for place in range(len(states)):
        p = <const byte*>PyBytes_AS_STRING(states[place]) + 1
        end = p + PyBytes_GET_SIZE(states[place]) - 1
        for number in range(count):
            p = _get(p, end, &value)
        p = _get(p, end, &value)
        base_ms = value
        p = _get_cells(p, end, &head[place, 0], &head_codes[0], head_codes.shape[0], base_ms)
        p = _get_panes(p, end, &opened[0], counts[place, 0], kind, place, base_ms)
        if p == NULL:
            return place
        for number in range(1, count):
            for _ in range(counts[place, number]):
                row = opened[number].rows + opened[number].at * opened[number].fields
                row[0] = place
                p = _get_cells(p, end, row + 1, opened[number].codes, opened[number].fields - 1, base_ms)
                opened[number].at += 1
        if p != end:
            return place
    return -1


cdef int _open(Table* opened, list tables, list codes) except -1:
    cdef i64[:, ::1] rows
    cdef const byte[::1] own
    for number in range(len(tables)):
        rows, own = tables[number], codes[number]
        opened[number].rows = &rows[0, 0] if rows.shape[0] else NULL
        opened[number].size = rows.shape[0]
        opened[number].at = 0
        opened[number].fields = <int>rows.shape[1]
        opened[number].codes = &own[0]
    return <int>len(tables)


# Panes are written in runs: those of one tier and series, in the order of time. A run is its kind, its length, and how
# many panes before the base the first one lies. Then, of each pane, the count less one, and with it a bit that says
# whether it does not follow the one before at once; if so, how many panes lie between; and the value.

cdef byte* _put_panes(byte* p, Table* panes, Py_ssize_t count, Panes wire, i64 base_ms) noexcept nogil:
    cdef i64* pane = panes.rows + panes.at * 4
    cdef i64* last = pane + count * 4
    cdef i64* end
    cdef i64 kind, time, expected
    panes.at += count
    while pane < last:
        kind = pane[1] >> KIND_SHIFT
        end = pane + 4
        while end < last and end[1] >> KIND_SHIFT == kind:
            end += 4
        p = _put(_put(p, kind), (end - pane) // 4)
        expected = pane[1] & PANE_MASK
        p = _put_signed(p, base_ms // wire.widths_ms[kind >> TIER_SHIFT] - expected)
        while pane < end:
            time = pane[1] & PANE_MASK
            if time == expected:
                p = _put(p, (pane[2] - 1) << 1)
            else:
                p = _put(_put(p, (pane[2] - 1) << 1 | 1), time - expected)
            if kind & 0xFF < wire.valued:
                p = _put_signed(p, pane[3])
            expected = time + 1
            pane += 4
    return p


cdef const byte* _get_panes(
    const byte* p, const byte* end, Table* panes, Py_ssize_t count, Panes wire, i64 customer, i64 base_ms
) noexcept nogil:
    cdef i64* pane = panes.rows + panes.at * 4
    cdef i64* last = pane + count * 4
    cdef i64* run_end
    cdef i64 kind, tier, time
    cdef u64 number
    panes.at += count
    while pane < last:
        p = _get(p, end, &number)
        kind = number & 0x3FF
        tier = kind >> TIER_SHIFT
        if kind != <i64>number or tier >= wire.tiers or kind & 0xFF >= wire.series:
            return NULL  # in a damaged state anything may stand
        p = _get(p, end, &number)
        run_end = pane + 4 * number if 0 < number <= <u64>(last - pane) // 4 else last
        p = _get_signed(p, end, &time)
        time = base_ms // wire.widths_ms[tier] - time
        while pane < run_end:
            pane[0] = customer
            p = _get(p, end, &number)
            pane[2] = (number >> 1) + 1
            if number & 1:
                p = _get(p, end, &number)
                time += number
            pane[1] = kind << KIND_SHIFT | time & PANE_MASK
            pane[3] = 0
            if kind & 0xFF < wire.valued:
                p = _get_signed(p, end, &pane[3])
            time += 1
            pane += 4
    return p


cdef byte* _put_cells(byte* p, const i64* cells, const byte* codes, Py_ssize_t count, i64 base_ms) noexcept nogil:
    cdef Py_ssize_t field
    for field in range(count):
        p = _put_cell(p, cells[field], codes[field], base_ms)
    return p


cdef const byte* _get_cells(
    const byte* p, const byte* end, i64* cells, const byte* codes, Py_ssize_t count, i64 base_ms
) noexcept nogil:
    cdef Py_ssize_t field
    for field in range(count):
        p = _get_cell(p, end, &cells[field], codes[field], base_ms)
    return p


cdef inline byte* _put_cell(byte* p, i64 value, byte code, i64 base_ms) noexcept nogil:
    cdef int size, k
    if code == COUNT:
        return _put(p, value)
    if code == SIGNED:
        return _put_signed(p, value)
    if code == INSTANT:
        return _put_since(p, value, value, base_ms)
    if code == SECOND:
        return _put_since(p, value, value // SECOND_MS, base_ms // SECOND_MS)
    if code == DAY:
        return _put_since(p, value, value, base_ms // DAY_MS)
    size = 8
    if code == WORD:
        while size > 0 and <u64>value >> 8 * (size - 1) == 0:
            size -= 1
        p[0] = size
        p += 1
    for k in range(size):
        p[k] = <byte>(value >> 8 * k)
    return p + size


cdef inline const byte* _get_cell(const byte* p, const byte* end, i64* value, byte code, i64 base_ms) noexcept nogil:
    cdef u64 number
    cdef int size, k
    if code == COUNT:
        p = _get(p, end, &number)
        value[0] = number
        return p
    if code == SIGNED:
        return _get_signed(p, end, value)
    if code == INSTANT:
        return _get_since(p, end, value, base_ms, 1)
    if code == SECOND:
        return _get_since(p, end, value, base_ms // SECOND_MS, SECOND_MS)
    if code == DAY:
        return _get_since(p, end, value, base_ms // DAY_MS, 1)
    size = 8
    if code == WORD:
        size = min(p[0], 8) if p < end else 0
        p += 1
    number = 0
    for k in range(size):
        if p + k < end:
            number |= <u64>p[k] << 8 * k
    value[0] = number
    return p + size


cdef inline byte* _put_since(byte* p, i64 value, i64 scaled, i64 base) noexcept nogil:
    """0: NEVER, 1: INF, else how far from the base."""
    if value == NEVER or value == INF:
        return _put(p, value == INF)
    scaled -= base
    return _put(p, ((scaled << 1) ^ (scaled >> 63)) + 2)


cdef inline const byte* _get_since(const byte* p, const byte* end, i64* value, i64 base, i64 scale) noexcept nogil:
    cdef u64 number
    p = _get(p, end, &number)
    if number < 2:
        value[0] = INF if number else NEVER
    else:
        number -= 2
        value[0] = (base + (<i64>(number >> 1) ^ -<i64>(number & 1))) * scale
    return p


cdef inline byte* _put_signed(byte* p, i64 value) noexcept nogil:
    """Zigzag: 0, -1, 1, -2 ... as 0, 1, 2, 3 ..."""
    return _put(p, (<u64>value << 1) ^ <u64>(value >> 63))


cdef inline const byte* _get_signed(const byte* p, const byte* end, i64* value) noexcept nogil:
    cdef u64 number
    p = _get(p, end, &number)
    value[0] = <i64>(number >> 1) ^ -<i64>(number & 1)
    return p


cdef inline byte* _put(byte* p, u64 value) noexcept nogil:
    while value > 127:
        p[0] = <byte>(value | 128)
        p += 1
        value >>= 7
    p[0] = <byte>value
    return p + 1


cdef inline const byte* _get(const byte* p, const byte* end, u64* value) noexcept nogil:
    """Behind the end stand zeros."""
    cdef u64 number = 0
    cdef int shift = 0
    while p < end and p[0] > 127 and shift < 63:
        number |= <u64>(p[0] & 127) << shift
        shift += 7
        p += 1
    if p < end:
        number |= <u64>p[0] << shift
    value[0] = number
    return p + 1
