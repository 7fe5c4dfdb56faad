"""The steps of a program (`rules.program`) over n customers: rows are nodes or features, columns are customers."""

ctypedef long long i64
ctypedef signed char truth

cdef enum:  # as in `rules.evaluate`
    FALSE
    UNKNOWN
    TRUE

cdef i64 INF = 0x7FFFFFFFFFFFFFFF


def reach(
    const i64[:, :] values, exact, const i64[::1] place, const i64[::1] bound, truth[:, ::1] answers
):
    """`values[place[q]] >= bound[q]` for every question q; where a value falls short and is not exact, it is unknown.

    `exact`: bool, of the shape of `values`.
    """
    cdef const unsigned char[:, :] known = exact.view("u1")
    cdef Py_ssize_t q, i
    cdef i64 least
    with nogil:
        for q in range(place.shape[0]):
            least = bound[q]
            for i in range(values.shape[1]):
                answers[q, i] = TRUE if values[place[q], i] >= least else UNKNOWN - known[place[q], i]


def join(
    truth[:, ::1] answers,
    Py_ssize_t first,
    const i64[::1] node,
    const truth[:, ::1] mirror,
    const i64[::1] start,
):
    """The `or` of nodes, for the nodes from `first` on: of each `start` to the next, the greatest |answer - mirror|."""
    cdef Py_ssize_t joint, child, i, end
    cdef truth own
    with nogil:
        for joint in range(start.shape[0]):
            end = start[joint + 1] if joint + 1 < start.shape[0] else node.shape[0]
            for i in range(answers.shape[1]):
                answers[first + joint, i] = FALSE
            for child in range(start[joint], end):
                for i in range(answers.shape[1]):
                    own = answers[node[child], i] - mirror[child, 0]
                    own = -own if own < 0 else own
                    answers[first + joint, i] = max(answers[first + joint, i], own)


def join_flips(
    const truth[:, ::1] answers,
    i64[:, ::1] flips_ms,
    Py_ssize_t first,
    const i64[::1] node,
    const truth[:, ::1] mirror,
    const i64[::1] start,
):
    """When nodes as in `join` may flip: a true `or` not before its last true child, another not before its first."""
    cdef Py_ssize_t joint, child, i, end
    cdef truth true_one
    cdef i64 flip_ms
    with nogil:
        for joint in range(start.shape[0]):
            end = start[joint + 1] if joint + 1 < start.shape[0] else node.shape[0]
            for i in range(answers.shape[1]):
                flips_ms[first + joint, i] = 0 if answers[first + joint, i] == TRUE else INF
            for child in range(start[joint], end):
                true_one = mirror[child, 0] ^ TRUE  # what the child's own answer is where it counts as true
                for i in range(answers.shape[1]):
                    flip_ms = flips_ms[node[child], i]
                    if answers[first + joint, i] != TRUE:
                        flips_ms[first + joint, i] = min(flips_ms[first + joint, i], flip_ms)
                    elif answers[node[child], i] == true_one:
                        flips_ms[first + joint, i] = max(flips_ms[first + joint, i], flip_ms)


def earliest(const i64[:, ::1] flips_ms, inside, const i64[::1] stay, const i64[::1] enter, i64[::1] out):
    """Of the rules that decide, when the first flips: of who is inside a segment the one to stay, else that to enter.

    `inside`: bool[segments, n]; `stay`, `enter`: the nodes of each segment's rules.
    """
    cdef const unsigned char[:, ::1] within = inside.view("u1")
    cdef Py_ssize_t place, i
    with nogil:
        for i in range(out.shape[0]):
            out[i] = INF
        for place in range(stay.shape[0]):
            for i in range(out.shape[0]):
                out[i] = min(out[i], flips_ms[stay[place] if within[place, i] else enter[place], i])
