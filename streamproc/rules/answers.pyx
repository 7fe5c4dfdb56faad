"""The steps of a program (`rules.program`) over n customers: rows are nodes or features, columns are customers."""

from libc.stdlib cimport abs
from libc.string cimport memset

ctypedef long long i64
ctypedef signed char truth

cdef enum:  # as in `rules.evaluate`
    FALSE
    UNKNOWN
    TRUE

cdef i64 INF = 0x7FFFFFFFFFFFFFFF


def reach(
    const i64[:, ::1] values, exact, const i64[::1] place, const i64[::1] bound, truth[:, ::1] answers
):
    """`values[place[q]] >= bound[q]` for every question q; where a value falls short and is not exact, it is unknown.

    `exact`: bool, of the shape of `values`.
    """
    cdef const unsigned char[:, ::1] known = exact.view("u1")
    cdef Py_ssize_t q
    if values.shape[1] == 0:
        return
    with nogil:
        for q in range(place.shape[0]):
            _reach(&values[place[q], 0], &known[place[q], 0], bound[q], &answers[q, 0], values.shape[1])


def join(
    truth[:, ::1] answers,
    Py_ssize_t first,
    const i64[::1] node,
    const truth[:, ::1] mirror,
    const i64[::1] start,
):
    """The `or` of nodes, for the nodes from `first` on: of each `start` to the next, the greatest |answer - mirror|."""
    cdef Py_ssize_t joint, child, end, n = answers.shape[1]
    if n == 0:
        return
    with nogil:
        for joint in range(start.shape[0]):
            end = start[joint + 1] if joint + 1 < start.shape[0] else node.shape[0]
            memset(&answers[first + joint, 0], FALSE, n)
            for child in range(start[joint], end):
                _join(&answers[node[child], 0], mirror[child, 0], &answers[first + joint, 0], n)


def flips_of_windows(
    const truth[:, ::1] answers,
    const i64[:, ::1] falls_ms,
    const i64[:, ::1] known_ms,
    const i64[::1] place,
    Py_ssize_t first,
    i64[:, ::1] flips_ms,
):
    """When questions about windows, the nodes from `first` on, may be answered otherwise.

    A window only shrinks: it leaves its bound (`falls_ms`, by question), or, below it, becomes known to be below
    (`known_ms`, by feature: `place` of each question).
    """
    cdef Py_ssize_t q, n = answers.shape[1]
    if n == 0:
        return
    with nogil:
        for q in range(place.shape[0]):
            _choose(&answers[first + q, 0], &falls_ms[q, 0], &known_ms[place[q], 0], &flips_ms[first + q, 0], n)


def flips_of_ages(
    const truth[:, ::1] answers,
    const i64[:, ::1] anchors_ms,
    const i64[::1] place,
    const i64[::1] bound,
    Py_ssize_t first,
    i64[:, ::1] flips_ms,
):
    """When ages reach bounds that they have not reached; what an age reached, it keeps. An anchor of INF never does."""
    cdef Py_ssize_t q, n = answers.shape[1]
    if n == 0:
        return
    with nogil:
        for q in range(place.shape[0]):
            _reach_later(&answers[first + q, 0], &anchors_ms[place[q], 0], bound[q], &flips_ms[first + q, 0], n)


def join_flips(
    const truth[:, ::1] answers,
    i64[:, ::1] flips_ms,
    Py_ssize_t first,
    const i64[::1] node,
    const truth[:, ::1] mirror,
    const i64[::1] start,
):
    """When nodes as in `join` may flip: a true `or` not before its last true child, another not before its first."""
    cdef Py_ssize_t joint, child, i, end, n = answers.shape[1]
    cdef const truth* whole
    cdef i64* flip_ms
    if n == 0:
        return
    with nogil:
        for joint in range(start.shape[0]):
            end = start[joint + 1] if joint + 1 < start.shape[0] else node.shape[0]
            whole, flip_ms = &answers[first + joint, 0], &flips_ms[first + joint, 0]
            for i in range(n):
                flip_ms[i] = 0 if whole[i] == TRUE else INF
            for child in range(start[joint], end):
                _join_flips(
                    &answers[node[child], 0], mirror[child, 0] ^ TRUE, &flips_ms[node[child], 0], whole, flip_ms, n
                )


def earliest(const i64[:, ::1] flips_ms, inside, const i64[::1] stay, const i64[::1] enter, i64[::1] out):
    """Of the rules that decide, when the first flips: of who is inside a segment the one to stay, else that to enter.

    `inside`: bool[segments, n]; `stay`, `enter`: the nodes of each segment's rules.
    """
    cdef const unsigned char[:, ::1] within = inside.view("u1")
    cdef Py_ssize_t place, i, n = out.shape[0]
    if n == 0:
        return
    with nogil:
        for i in range(n):
            out[i] = INF
        for place in range(stay.shape[0]):
            _earliest(&flips_ms[stay[place], 0], &flips_ms[enter[place], 0], &within[place, 0], &out[0], n)


# One row of customers at a time, by its address: then the compiler knows that rows stay where they are.


cdef inline void _reach(
    const i64* values, const unsigned char* known, i64 bound, truth* answers, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        answers[i] = TRUE if values[i] >= bound else UNKNOWN - known[i]


cdef inline void _join(const truth* child, truth mirror, truth* answers, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef truth own
    for i in range(n):
        own = child[i] - mirror
        own = -own if own < 0 else own
        answers[i] = own if own > answers[i] else answers[i]


cdef inline void _choose(
    const truth* answers, const i64* if_true, const i64* otherwise, i64* chosen, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        chosen[i] = if_true[i] if answers[i] == TRUE else otherwise[i]


cdef inline void _reach_later(
    const truth* answers, const i64* anchor_ms, i64 bound, i64* flip_ms, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        flip_ms[i] = INF if answers[i] == TRUE or anchor_ms[i] > INF - bound else anchor_ms[i] + bound


cdef inline void _join_flips(
    const truth* child, truth true_one, const i64* child_ms, const truth* whole, i64* flip_ms, Py_ssize_t n
) noexcept nogil:
    """`true_one`: what the child's own answer is where it counts as true."""
    cdef Py_ssize_t i
    for i in range(n):
        if whole[i] != TRUE:
            flip_ms[i] = child_ms[i] if child_ms[i] < flip_ms[i] else flip_ms[i]
        elif child[i] == true_one:
            flip_ms[i] = child_ms[i] if child_ms[i] > flip_ms[i] else flip_ms[i]


cdef inline void _earliest(
    const i64* stay_ms, const i64* enter_ms, const unsigned char* within, i64* out, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t i
    cdef i64 own
    for i in range(n):
        own = stay_ms[i] if within[i] else enter_ms[i]
        out[i] = own if own < out[i] else out[i]


def deciding(
    const truth[:, ::1] answers,
    const i64[::1] asked,
    const i64[:] rows,
    const i64[::1] rule,
    const truth[:, ::1] rule_mirror,
    const i64[::1] first_leaf,
    const i64[::1] leaf,
    const i64[::1] first_step,
    const i64[::1] node,
    const truth[:, ::1] mirror,
    i64[::1] question,
    i64[::1] comparison,
):
    """Which comparisons decide the truth of rules (see `rules.evidence`) for some customers: `asked[q]` at `rows[q]`.

    A leaf of a rule does if all nodes on the way to it agree with the rule. Fills `question` and `comparison`, each
    comparison once for a question, and returns how many there are. There must be room for all leaves of what is asked.
    """
    cdef Py_ssize_t q, own, step, end, first, before, i, found = 0
    cdef truth whole, part
    with nogil:
        for q in range(asked.shape[0]):
            i, first = rows[q], found
            whole = abs(answers[rule[asked[q]], i] - rule_mirror[asked[q], 0])
            for own in range(first_leaf[asked[q]], first_leaf[asked[q] + 1]):
                step, end = first_step[own], first_step[own + 1]
                while step < end and abs(answers[node[step], i] - mirror[step, 0]) == whole:
                    step += 1
                before = first
                while before < found and comparison[before] != leaf[own]:
                    before += 1
                if step == end and before == found:
                    question[found], comparison[found] = q, leaf[own]
                    found += 1
    return found
