"""Sorted tables joined row by row.

Tables are int64[rows, fields], sorted by their first fields.
"""

from libc.string cimport memcmp, memcpy

ctypedef long long i64

cdef enum:
    ROW = 0
    KEY = 1
    TIER_SHIFT = 40  # a pane's key is tier | series | pane, as in `windows.panes`

cdef i64 PANE_MASK = 0xFFFFFFFF


def add(const i64[:, ::1] stored, const i64[:, ::1] more, i64[:, ::1] out, int words, bint greatest):
    """Write the union of two tables, both sorted by place, to `out`; returns how many rows that are.

    A row's place is the customer's row and what of the customer: so many `words`; several are a text. Then comes a
    count, and perhaps a measure. In `more` a place may come several times. Counts of one place are added up; so are
    measures, or, with `greatest`, the greatest holds.
    """
    cdef Py_ssize_t i = 0, k = 0, at = 0, fields = stored.shape[1], count = 1 + words
    if more.shape[1] != fields or out.shape[1] != fields or fields <= count:
        raise ValueError("the tables are not alike")
    with nogil:
        while i < stored.shape[0] or k < more.shape[0]:
            if k == more.shape[0] or (i < stored.shape[0] and _compare(&more[k, 0], &stored[i, 0], words) >= 0):
                memcpy(&out[at, 0], &stored[i, 0], fields * sizeof(i64))
                i += 1
            else:
                memcpy(&out[at, 0], &more[k, 0], fields * sizeof(i64))
                k += 1
            while k < more.shape[0] and _compare(&more[k, 0], &out[at, 0], words) == 0:
                out[at, count] += more[k, count]
                if fields > count + 1:
                    if greatest:
                        out[at, count + 1] = max(out[at, count + 1], more[k, count + 1])
                    else:
                        out[at, count + 1] += more[k, count + 1]
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


cdef inline int _compare(const i64* one, const i64* other, int words) noexcept nogil:
    """The order of two places: below, at or above 0."""
    cdef int word
    if one[0] != other[0]:
        return -1 if one[0] < other[0] else 1
    if words == 1:
        return (one[1] > other[1]) - (one[1] < other[1])
    for word in range(1, words + 1):
        if one[word] != other[word]:
            return memcmp(&one[word], &other[word], sizeof(i64))  # texts are sorted by their bytes
    return 0
