"""Sorted tables joined row by row.

Tables are int64[rows, fields]. A row's place is its first two fields: the customer's row, and what of the customer.
"""

from libc.string cimport memcpy

ctypedef long long i64

cdef enum:
    ROW = 0
    KEY = 1
    COUNT = 2
    MEASURE = 3  # a sum or a maximum
    TIER_SHIFT = 40  # a pane's key is tier | series | pane, as in `windows.panes`

cdef i64 PANE_MASK = 0xFFFFFFFF


def add(const i64[:, ::1] stored, const i64[:, ::1] more, i64[:, ::1] out, bint greatest):
    """Write the union of two tables, both sorted by place, to `out`; returns how many rows that are.

    In `more` a place may come several times. Counts (the third field) of one place are added up; so is the fourth field if
    there is one, or, with `greatest`, the greatest of them holds.
    """
    cdef Py_ssize_t i = 0, k = 0, at = 0, size = stored.shape[1] * sizeof(i64)
    with nogil:
        while i < stored.shape[0] or k < more.shape[0]:
            if k == more.shape[0] or (i < stored.shape[0] and not _is_before(&more[k, 0], &stored[i, 0])):
                memcpy(&out[at, 0], &stored[i, 0], size)
                i += 1
            else:
                memcpy(&out[at, 0], &more[k, 0], size)
                k += 1
            while k < more.shape[0] and more[k, ROW] == out[at, ROW] and more[k, KEY] == out[at, KEY]:
                out[at, COUNT] += more[k, COUNT]
                if stored.shape[1] > MEASURE:
                    if greatest:
                        out[at, MEASURE] = max(out[at, MEASURE], more[k, MEASURE])
                    else:
                        out[at, MEASURE] += more[k, MEASURE]
                k += 1
            at += 1
    return at


def keep_panes(const i64[:, ::1] panes, const i64[:, ::1] oldest, i64[:, ::1] out):
    """Write those panes to `out` that are not before `oldest` (int64[tiers, customers]); returns how many they are."""
    cdef Py_ssize_t i, at = 0, size = panes.shape[1] * sizeof(i64)
    with nogil:
        for i in range(panes.shape[0]):
            if panes[i, KEY] & PANE_MASK >= oldest[panes[i, KEY] >> TIER_SHIFT, panes[i, ROW]]:
                memcpy(&out[at, 0], &panes[i, 0], size)
                at += 1
    return at


cdef inline bint _is_before(const i64* one, const i64* other) noexcept nogil:
    return one[ROW] < other[ROW] or (one[ROW] == other[ROW] and one[KEY] < other[KEY])
