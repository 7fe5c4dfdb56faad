"""Memberships of n customers in the s segments of a rules file, one by one."""

from libc.string cimport memset

ctypedef long long i64
ctypedef signed char truth

cdef enum:
    # A member is (row, segment, entered_ms, entry_seq), as in `windows.table`.
    SEGMENT = 1
    ENTERED_MS = 2
    FIELDS = 4
    # as in `rules.evaluate`
    TRUE = 2

cdef i64 NEVER = -1


def find(const i64[:, ::1] members, const i64[::1] ids, inside, i64[::1] place):
    """Where in the file the segment of each member is (`place`; -1: nowhere), and in which ones customers are inside.

    `ids`: of the segments. `inside`: bool[s, n], all False before.
    """
    cdef unsigned char[:, ::1] within = inside.view("u1")
    cdef Py_ssize_t member, tried, row = -1, at = 0
    if members.shape[1] != FIELDS or place.shape[0] != members.shape[0] or within.shape[0] != ids.shape[0]:
        raise ValueError("members have four fields and one place each, segments one id each")
    with nogil:
        for member in range(members.shape[0]):
            if members[member, 0] != row:
                row, at = members[member, 0], 0
            if not 0 <= row < within.shape[1]:
                with gil:
                    raise ValueError("there is no such customer")
            place[member] = -1
            # The members of a customer stand in the order of the file, mostly: the next one is not far.
            for tried in range(ids.shape[0]):
                if ids[at] == members[member, SEGMENT]:
                    place[member] = at
                    within[at, row] = members[member, ENTERED_MS] != NEVER
                    break
                at = at + 1 if at + 1 < ids.shape[0] else 0


def settle(
    const truth[:, ::1] answers,
    const i64[::1] stay,
    const truth[:, ::1] stay_mirror,
    const i64[::1] enter,
    const truth[:, ::1] enter_mirror,
    const i64[::1] order,
    const i64[::1] group,
    inside,
    wanted,
    unsigned char[::1] taken,
):
    """Where customers should be: where the rule (to stay for those inside, else to enter) holds, or is unknown and they
    are inside already; of a group only in its first such segment.

    `stay`, `enter`: nodes of each segment's rules. `order`: the segments, those of a group one after the other.
    `group`: of each segment in `order`, -1: none. `inside`, `wanted`: bool[s, n]. `taken`: room for n.
    """
    cdef const unsigned char[:, ::1] within = inside.view("u1")
    cdef unsigned char[:, ::1] holds = wanted.view("u1")
    cdef Py_ssize_t turn, place, n = taken.shape[0]
    if n == 0:
        return
    with nogil:
        for turn in range(order.shape[0]):
            place = order[turn]
            if turn == 0 or group[turn] < 0 or group[turn] != group[turn - 1]:
                memset(&taken[0], 0, n)
            _settle(
                &answers[stay[place], 0], stay_mirror[place, 0], &answers[enter[place], 0], enter_mirror[place, 0],
                &within[place, 0], &holds[place, 0], &taken[0], n,
            )


def held(
    const i64[:, ::1] members,
    const i64[::1] place,
    const i64[::1] dwell_ms,
    const i64[::1] now_ms,
    inside,
    wanted,
    redefined,
    i64[::1] found,
):
    """Which members, by their rows, would leave now but for a dwell: `found`; returns how many they are.

    `place`: of the segment of each, as `find` gives it. `dwell_ms`: of the segments. `redefined`: bool[n], whom no dwell
    holds.
    """
    cdef const unsigned char[:, ::1] within = inside.view("u1")
    cdef const unsigned char[:, ::1] holds = wanted.view("u1")
    cdef const unsigned char[::1] free = redefined.view("u1")
    cdef Py_ssize_t member, row, at, n = 0
    if not (members.shape[1] == FIELDS and place.shape[0] == members.shape[0] <= found.shape[0]):
        raise ValueError("members have four fields and one place each")
    if not (now_ms.shape[0] == within.shape[1] == holds.shape[1] == free.shape[0]):
        raise ValueError("not one entry a customer")
    with nogil:
        for member in range(members.shape[0]):
            row, at = members[member, 0], place[member]
            if now_ms[row] < members[member, ENTERED_MS] + dwell_ms[at]:
                if within[at, row] and not holds[at, row] and not free[row]:
                    found[n] = member
                    n += 1
    return n


cdef inline void _settle(
    const truth* stay,
    truth stay_mirror,
    const truth* enter,
    truth enter_mirror,
    const unsigned char* within,
    unsigned char* holds,
    unsigned char* taken,
    Py_ssize_t n,
) noexcept nogil:
    """Of one segment. (A row at a time by its address: else each byte written might have moved the next row.)"""
    cdef Py_ssize_t i
    cdef truth own
    for i in range(n):
        own = stay[i] - stay_mirror if within[i] else enter[i] - enter_mirror
        own = -own if own < 0 else own
        holds[i] = (own + within[i] >= TRUE) & (taken[i] == 0)  # true, or unknown and inside already
        taken[i] |= holds[i]
