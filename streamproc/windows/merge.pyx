"""Sorted tables joined and thinned out, in blocks of rows.

Tables are int64[rows, fields], sorted by their first fields; a row's first field is its customer.
"""

from libc.string cimport memcmp, memcpy, memmove

ctypedef long long i64
ctypedef unsigned long long u64

cdef enum:
    ROW = 0
    KEY = 1
    TIER_SHIFT = 40  # a pane's key is tier | series | pane, as in `windows.panes`
    PANE_FIELDS = 4
    # A word, as in `table.WORD_DTYPE`. What comes before its value is its place.
    ABOUT = 1
    ABOUT_KEY = 2
    TS_MS = 4
    TIE = 5
    WORD_FIELDS = 6
    VIEW = 1
    SHOWN = 2
    VIEW_FIELDS = 3

cdef i64 PANE_MASK = 0xFFFFFFFF

#: The order of two places: below, at or above 0.
ctypedef int (*Order)(const i64* one, const i64* other, int words) noexcept nogil


def add(const i64[:, ::1] stored, const i64[:, ::1] more, i64[:, ::1] out, int words, bint greatest):
    """Write the union of two tables, both sorted by place, to `out`; returns how many rows that are.

    A row's place is the customer's row and what of the customer: so many `words`; several are a text. Then comes a
    count, and perhaps a measure. In `more` a place may come several times. Counts of one place are added up; so are
    measures, or, with `greatest`, the greatest holds.
    """
    cdef Py_ssize_t i = 0, k = 0, at = 0, fields = stored.shape[1], count = 1 + words
    _check(stored, more, out)
    if fields <= count:
        raise ValueError("the tables have no counts")
    with nogil:
        while k < more.shape[0]:
            at = _advance(stored, &i, &more[k, 0], out, at, words, _compare)
            if i < stored.shape[0] and _compare(&stored[i, 0], &more[k, 0], words) == 0:
                i = _copy(stored, i, i + 1, out, at)
            else:
                k = _copy(more, k, k + 1, out, at)
            while k < more.shape[0] and _compare(&more[k, 0], &out[at, 0], words) == 0:
                out[at, count] += more[k, count]
                if fields > count + 1:
                    if greatest:
                        out[at, count + 1] = max(out[at, count + 1], more[k, count + 1])
                    else:
                        out[at, count + 1] += more[k, count + 1]
                k += 1
            at += 1
        _copy(stored, i, stored.shape[0], out, at)
        at += stored.shape[0] - i
    return at


def settle(const i64[:, ::1] stored, const i64[:, ::1] more, i64[:, ::1] out):
    """Write the words that hold after `more` to `out`; returns how many they are.

    Both are sorted by place: row, about, key. Of `more`, a place may come several times, first applied first. The word
    with the greatest (instant, tie) holds, and of equal ones the first.
    """
    cdef Py_ssize_t i = 0, k = 0, at = 0
    _check(stored, more, out)
    if stored.shape[1] != WORD_FIELDS:
        raise ValueError("words have six fields")
    with nogil:
        while k < more.shape[0]:
            at = _advance(stored, &i, &more[k, 0], out, at, 0, _compare_words)
            if i < stored.shape[0] and _compare_words(&stored[i, 0], &more[k, 0], 0) == 0:
                i = _copy(stored, i, i + 1, out, at)
            else:
                k = _copy(more, k, k + 1, out, at)
            while k < more.shape[0] and _compare_words(&more[k, 0], &out[at, 0], 0) == 0:
                if more[k, TS_MS] > out[at, TS_MS] or (
                    more[k, TS_MS] == out[at, TS_MS] and <u64>more[k, TIE] > <u64>out[at, TIE]
                ):
                    _copy(more, k, k + 1, out, at)
                k += 1
            at += 1
        _copy(stored, i, stored.shape[0], out, at)
        at += stored.shape[0] - i
    return at


def show(const i64[:, ::1] stored, const i64[:, ::1] more, restarted, Py_ssize_t most, i64[:, ::1] out):
    """Write the different views after `more` to `out`, at most so many of a customer and kind; returns how many.

    Both are sorted by customer and kind, in order of appearance. `restarted`: bool[n customers], whose `stored` ones
    are forgotten.
    """
    cdef const unsigned char[::1] forgotten = restarted.view("u1")
    cdef Py_ssize_t i = 0, k = 0, at = 0, first, seen
    cdef i64 customer, view
    _check(stored, more, out)
    if stored.shape[1] != VIEW_FIELDS:
        raise ValueError("views have three fields")
    with nogil:
        while i < stored.shape[0] or k < more.shape[0]:
            if k == more.shape[0] or (i < stored.shape[0] and _compare(&stored[i, 0], &more[k, 0], 1) <= 0):
                customer, view = stored[i, ROW], stored[i, VIEW]
            else:
                customer, view = more[k, ROW], more[k, VIEW]
            first = at
            while i < stored.shape[0] and stored[i, ROW] == customer and stored[i, VIEW] == view:
                if not (0 <= customer < forgotten.shape[0] and forgotten[customer]):
                    _copy(stored, i, i + 1, out, at)
                    at += 1
                i += 1
            while k < more.shape[0] and more[k, ROW] == customer and more[k, VIEW] == view:
                seen = first
                while seen < at and out[seen, SHOWN] != more[k, SHOWN]:
                    seen += 1
                if seen == at and at - first < most:
                    _copy(more, k, k + 1, out, at)
                    at += 1
                k += 1
    return at


def drop_panes(i64[:, ::1] panes, const i64[:, ::1] oldest):
    """Move up those panes that are not before `oldest` (int64[tiers, customers]); returns how many they are."""
    cdef Py_ssize_t i, at = 0, n = panes.shape[0]
    cdef i64 tier
    if panes.shape[1] != PANE_FIELDS:
        raise ValueError("panes have four fields")
    with nogil:
        for i in range(n):
            tier = panes[i, KEY] >> TIER_SHIFT
            if panes[i, KEY] & PANE_MASK >= oldest[tier, panes[i, ROW]]:
                if at < i:
                    memmove(&panes[at, 0], &panes[i, 0], PANE_FIELDS * sizeof(i64))
                at += 1
    return at


def find(const i64[:, ::1] table, const i64[:, ::1] runs, i64[:, ::1] places):
    """Where the rows of runs of customers begin and end in `table` (`places`); returns how many they are.

    `runs`: rising, of each the first customer and the one after the last.
    """
    cdef Py_ssize_t k, side, i = 0, size = 0
    if not (runs.shape[0] == places.shape[0] and runs.shape[1] == places.shape[1] == 2):
        raise ValueError("not one entry a run")
    with nogil:
        for k in range(runs.shape[0]):
            for side in range(2):
                i = _gallop(table, i, &runs[k, side], 0, _compare_rows)
                places[k, side] = i
            size += i - places[k, 0]
    return size


def pick(const i64[:, ::1] table, const i64[:, ::1] runs, const i64[:, ::1] places, i64[:, ::1] out):
    """Copy the rows at `places`, as `find` gives them, to `out`, as those of customers 0, 1 ..."""
    cdef Py_ssize_t k, i, at = 0
    cdef i64 customers = 0, shift
    with nogil:
        for k in range(runs.shape[0]):
            _copy(table, places[k, 0], places[k, 1], out, at)
            shift = runs[k, 0] - customers
            customers += runs[k, 1] - runs[k, 0]
            if shift:
                for i in range(at, at + places[k, 1] - places[k, 0]):
                    out[i, ROW] -= shift
            at += places[k, 1] - places[k, 0]


cdef _check(const i64[:, ::1] stored, const i64[:, ::1] more, const i64[:, ::1] out):
    if not (stored.shape[1] == more.shape[1] == out.shape[1]):
        raise ValueError("the tables are not alike")
    if out.shape[0] < stored.shape[0] + more.shape[0]:
        raise ValueError("no room")


cdef inline Py_ssize_t _advance(
    const i64[:, ::1] stored, Py_ssize_t* i, const i64* place, i64[:, ::1] out, Py_ssize_t at, int words, Order order
) noexcept nogil:
    """Copy the rows of `stored` from `i` on that are before a place; returns where `out` then ends.

    Mostly these are few: looked at one after the other, they come from memory as fast as they are copied.
    """
    cdef Py_ssize_t first = i[0]
    while i[0] < stored.shape[0] and order(&stored[i[0], 0], place, words) < 0:
        i[0] += 1
    _copy(stored, first, i[0], out, at)
    return at + i[0] - first


cdef inline Py_ssize_t _gallop(
    const i64[:, ::1] table, Py_ssize_t first, const i64* place, int words, Order order
) noexcept nogil:
    """The first row from `first` on that is not before a place: in steps that double, then by halves."""
    cdef Py_ssize_t step = 1, end = first, middle
    while end < table.shape[0] and order(&table[end, 0], place, words) < 0:
        first = end + 1
        end += step
        step *= 2
    end = min(end, table.shape[0])
    while first < end:
        middle = (first + end) // 2
        if order(&table[middle, 0], place, words) < 0:
            first = middle + 1
        else:
            end = middle
    return first


cdef inline Py_ssize_t _copy(
    const i64[:, ::1] rows, Py_ssize_t first, Py_ssize_t end, i64[:, ::1] out, Py_ssize_t at
) noexcept nogil:
    """Copy some rows; returns the place after them."""
    if first < end:
        memcpy(&out[at, 0], &rows[first, 0], (end - first) * rows.shape[1] * sizeof(i64))
    return end


cdef inline int _compare(const i64* one, const i64* other, int words) noexcept nogil:
    """By row, then by a number or a text of several words."""
    cdef int word
    if one[ROW] != other[ROW]:
        return -1 if one[ROW] < other[ROW] else 1
    if words == 1:
        return (one[1] > other[1]) - (one[1] < other[1])
    for word in range(1, words + 1):
        if one[word] != other[word]:
            return memcmp(&one[word], &other[word], sizeof(i64))  # texts are sorted by their bytes
    return 0


cdef inline int _compare_rows(const i64* one, const i64* other, int words) noexcept nogil:
    return (one[ROW] > other[ROW]) - (one[ROW] < other[ROW])


cdef inline int _compare_words(const i64* one, const i64* other, int words) noexcept nogil:
    """By row, what it is about, and the key, which has no sign."""
    if one[ROW] != other[ROW]:
        return -1 if one[ROW] < other[ROW] else 1
    if one[ABOUT] != other[ABOUT]:
        return -1 if one[ABOUT] < other[ABOUT] else 1
    return (<u64>one[ABOUT_KEY] > <u64>other[ABOUT_KEY]) - (<u64>one[ABOUT_KEY] < <u64>other[ABOUT_KEY])
