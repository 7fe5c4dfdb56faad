"""Sorted tables joined row by row. Compiled by Cython, see setup.py.

Tables are int64[rows, fields]; what tells rows apart is their first fields, here called place: the customer's row and what
of the customer.
"""

import cython

# Fields of a pane.
_ROW = cython.declare(cython.int, 0)
_KEY = cython.declare(cython.int, 1)
_COUNT = cython.declare(cython.int, 2)
_VALUE = cython.declare(cython.int, 3)

_TIER_SHIFT = cython.declare(cython.int, 40)
_PANE_MASK = cython.declare(cython.longlong, 0xFFFFFFFF)


@cython.ccall
def add_panes(
    stored: cython.longlong[:, ::1], more: cython.longlong[:, ::1], out: cython.longlong[:, ::1]
) -> cython.Py_ssize_t:
    """Write the union of two sorted tables of panes (row, key, count, value) to `out`; how many rows it has.

    In `more` a pane may come more than once; counts and values of equal ones are added up.
    """
    at: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t = 0
    while i < stored.shape[0] or k < more.shape[0]:
        if k == more.shape[0] or (i < stored.shape[0] and not _is_before(more, k, stored, i)):
            _copy(stored, i, out, at)
            i += 1
        else:
            _copy(more, k, out, at)
            k += 1
        while k < more.shape[0] and more[k, _ROW] == out[at, _ROW] and more[k, _KEY] == out[at, _KEY]:
            out[at, _COUNT] += more[k, _COUNT]
            out[at, _VALUE] += more[k, _VALUE]
            k += 1
        at += 1
    return at


@cython.ccall
def keep_panes(
    panes: cython.longlong[:, ::1], oldest: cython.longlong[:, ::1], out: cython.longlong[:, ::1]
) -> cython.Py_ssize_t:
    """Write those panes to `out` that are not before the oldest one to keep, int64[tiers, customers]; how many there are."""
    at: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    for i in range(panes.shape[0]):
        if panes[i, _KEY] & _PANE_MASK >= oldest[panes[i, _KEY] >> _TIER_SHIFT, panes[i, _ROW]]:
            _copy(panes, i, out, at)
            at += 1
    return at


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _is_before(
    one: cython.longlong[:, ::1], i: cython.Py_ssize_t, other: cython.longlong[:, ::1], k: cython.Py_ssize_t
) -> cython.bint:
    return one[i, _ROW] < other[k, _ROW] or (one[i, _ROW] == other[k, _ROW] and one[i, _KEY] < other[k, _KEY])


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _copy(
    source: cython.longlong[:, ::1], i: cython.Py_ssize_t, out: cython.longlong[:, ::1], at: cython.Py_ssize_t
) -> cython.void:
    out[at, _ROW], out[at, _KEY] = source[i, _ROW], source[i, _KEY]
    out[at, _COUNT], out[at, _VALUE] = source[i, _COUNT], source[i, _VALUE]
