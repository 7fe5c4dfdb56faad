"""Which events are repeats: each customer's ring of recent message ids, gone through event by event."""

from libc.string cimport memcpy, memmove

ctypedef long long i64

cdef enum:
    ROW = 0
    HASH = 1
    SEEN_MS = 2
    FIELDS = 3


def admit(
    const i64[:, ::1] ring,
    const i64[:, ::1] events,
    const i64[::1] place,
    i64 horizon_ms,
    Py_ssize_t ids,
    i64[:, ::1] out,
    is_new,
):
    """Write the ring with the new events to `out`; returns how many rows it has.

    `ring`, `events`: (customer's row, hash, instant), sorted by customer, those of one in their order; `events` has one
    instant a customer. What of the ring is not within `horizon_ms` of it is forgotten, and of what is left and new only
    the last `ids` count. `is_new`: bool, set at `place` of each event.
    """
    cdef unsigned char[::1] found = is_new.view("u1")
    cdef Py_ssize_t i = 0, k = 0, at = 0, first
    cdef i64 customer, oldest_ms
    if ring.shape[1] != FIELDS or events.shape[1] != FIELDS or out.shape[1] != FIELDS:
        raise ValueError("entries have three fields")
    with nogil:
        while i < ring.shape[0] or k < events.shape[0]:
            first = at
            if k == events.shape[0] or (i < ring.shape[0] and ring[i, ROW] < events[k, ROW]):
                memcpy(&out[at, 0], &ring[i, 0], FIELDS * sizeof(i64))
                i += 1
                at += 1
                continue
            customer, oldest_ms = events[k, ROW], events[k, SEEN_MS] - horizon_ms
            while i < ring.shape[0] and ring[i, ROW] == customer:
                if ring[i, SEEN_MS] > oldest_ms:
                    memcpy(&out[at, 0], &ring[i, 0], FIELDS * sizeof(i64))
                    at += 1
                i += 1
            while k < events.shape[0] and events[k, ROW] == customer:
                found[place[k]] = not _has(out, max(first, at - ids), at, events[k, HASH])
                if found[place[k]]:
                    memcpy(&out[at, 0], &events[k, 0], FIELDS * sizeof(i64))
                    at += 1
                k += 1
            if at - first > ids:
                memmove(&out[first, 0], &out[at - ids, 0], ids * FIELDS * sizeof(i64))
                at = first + ids
    return at


cdef inline bint _has(i64[:, ::1] ring, Py_ssize_t first, Py_ssize_t end, i64 message_hash) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(first, end):
        if ring[i, HASH] == message_hash:
            return True
    return False
