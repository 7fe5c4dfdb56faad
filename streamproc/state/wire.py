"""The bytes of packed states, written and read number by number. Compiled by Cython, see setup.py.

Tables are int64[rows, fields], sorted by their first field, the customer's row; `head` has one row a customer and no such
field. Customer i's bytes are written and read from position `at[i]`, which moves on: so one call does one table of all
customers. Whether a state ends where it should, `layout` sees by `at`.

Numbers are LEB128 varints: seven bits a byte, the lowest first, the top bit set while more follow. What makes a field's
number small first is its *code*.
"""

import cython

# The codes, in the order of `layout.Code`.
_COUNT = cython.declare(cython.int, 0)
_SIGNED = cython.declare(cython.int, 1)
_INSTANT = cython.declare(cython.int, 2)
_SECOND = cython.declare(cython.int, 3)
_DAY = cython.declare(cython.int, 4)
_WORD = cython.declare(cython.int, 5)
_EIGHT = cython.declare(cython.int, 6)

_INF = cython.declare(cython.longlong, 0x7FFFFFFFFFFFFFFF)
_NEVER = cython.declare(cython.longlong, -1)
_SECOND_MS = cython.declare(cython.longlong, 1_000)
_DAY_MS = cython.declare(cython.longlong, 86_400_000)

# A pane's key is tier | series | pane, as in `windows.panes`.
_KIND_SHIFT = cython.declare(cython.int, 32)
_TIER_SHIFT = cython.declare(cython.int, 8)
_PANE_MASK = cython.declare(cython.longlong, 0xFFFFFFFF)


@cython.ccall
def write_numbers(out: cython.uchar[::1], at: cython.longlong[::1], numbers: cython.longlong[::1]) -> None:
    """One number a customer, none negative."""
    pen: _Pen = _Pen(out)
    i: cython.Py_ssize_t
    for i in range(at.shape[0]):
        pen.at = at[i]
        pen.number(numbers[i])
        at[i] = pen.at


@cython.ccall
def read_numbers(data: cython.const[cython.uchar][::1], at: cython.longlong[::1], numbers: cython.longlong[::1]) -> None:
    """The inverse of `write_numbers`."""
    eye: _Eye = _Eye(data)
    i: cython.Py_ssize_t
    for i in range(at.shape[0]):
        eye.at = at[i]
        numbers[i] = eye.number()
        at[i] = eye.at


@cython.ccall
def write_heads(
    out: cython.uchar[::1],
    at: cython.longlong[::1],
    base_ms: cython.longlong[::1],
    head: cython.longlong[:, ::1],
    codes: cython.uchar[::1],
) -> None:
    """The fixed rows. `base_ms`: what each customer's instants are told from."""
    pen: _Pen = _Pen(out)
    i: cython.Py_ssize_t
    field: cython.Py_ssize_t
    for i in range(at.shape[0]):
        pen.at = at[i]
        for field in range(codes.shape[0]):
            pen.cell(head[i, field], codes[field], base_ms[i])
        at[i] = pen.at


@cython.ccall
def read_heads(
    data: cython.const[cython.uchar][::1],
    at: cython.longlong[::1],
    base_ms: cython.longlong[::1],
    head: cython.longlong[:, ::1],
    codes: cython.uchar[::1],
) -> None:
    """The inverse of `write_heads`."""
    eye: _Eye = _Eye(data)
    i: cython.Py_ssize_t
    field: cython.Py_ssize_t
    for i in range(at.shape[0]):
        eye.at = at[i]
        for field in range(codes.shape[0]):
            head[i, field] = eye.cell(codes[field], base_ms[i])
        at[i] = eye.at


@cython.ccall
def write_rows(
    out: cython.uchar[::1],
    at: cython.longlong[::1],
    base_ms: cython.longlong[::1],
    table: cython.longlong[:, ::1],
    codes: cython.uchar[::1],
) -> None:
    """The rows of a sparse table; `codes`: of the fields behind the customer's row."""
    pen: _Pen = _Pen(out)
    row: cython.Py_ssize_t
    field: cython.Py_ssize_t
    customer: cython.Py_ssize_t
    for row in range(table.shape[0]):
        customer = table[row, 0]
        pen.at = at[customer]
        for field in range(codes.shape[0]):
            pen.cell(table[row, field + 1], codes[field], base_ms[customer])
        at[customer] = pen.at


@cython.ccall
def read_rows(
    data: cython.const[cython.uchar][::1],
    at: cython.longlong[::1],
    base_ms: cython.longlong[::1],
    counts: cython.longlong[::1],
    table: cython.longlong[:, ::1],
    codes: cython.uchar[::1],
) -> None:
    """The inverse of `write_rows`; `counts`: the rows of each customer."""
    eye: _Eye = _Eye(data)
    row: cython.Py_ssize_t = 0
    field: cython.Py_ssize_t
    end: cython.Py_ssize_t
    customer: cython.Py_ssize_t
    for customer in range(at.shape[0]):
        eye.at = at[customer]
        end = row + counts[customer]
        while row < end:
            table[row, 0] = customer
            for field in range(codes.shape[0]):
                table[row, field + 1] = eye.cell(codes[field], base_ms[customer])
            row += 1
        at[customer] = eye.at


@cython.ccall
def write_panes(
    out: cython.uchar[::1],
    at: cython.longlong[::1],
    base_ms: cython.longlong[::1],
    panes: cython.longlong[:, ::1],
    widths_ms: cython.longlong[::1],
    last_valued: cython.int,
) -> None:
    """Panes (row, key, count, value) in *runs*: those of one customer, tier and series, in the order of time.

    A run is its kind, its length and how long before the base its first pane lies. Then, of each pane, the count less one
    with a bit that says whether it does not follow the one before at once; if so, how many panes lie between. Series up
    to `last_valued` have values, too.
    """
    pen: _Pen = _Pen(out)
    row: cython.Py_ssize_t = 0
    end: cython.Py_ssize_t
    customer: cython.Py_ssize_t
    kind: cython.longlong
    pane: cython.longlong
    before: cython.longlong
    while row < panes.shape[0]:
        customer, kind = panes[row, 0], panes[row, 1] >> _KIND_SHIFT
        end = row + 1
        while end < panes.shape[0] and panes[end, 0] == customer and panes[end, 1] >> _KIND_SHIFT == kind:
            end += 1
        pen.at = at[customer]
        pen.number(kind)
        pen.number(end - row)
        before = base_ms[customer] // widths_ms[kind >> _TIER_SHIFT]
        pen.signed(before - (panes[row, 1] & _PANE_MASK))
        before = (panes[row, 1] & _PANE_MASK) - 1
        while row < end:
            pane = panes[row, 1] & _PANE_MASK
            if pane == before + 1:
                pen.number((panes[row, 2] - 1) << 1)
            else:
                pen.number((panes[row, 2] - 1) << 1 | 1)
                pen.number(pane - before - 2)
            if kind & 0xFF <= last_valued:
                pen.signed(panes[row, 3])
            before = pane
            row += 1
        at[customer] = pen.at


@cython.ccall
def read_panes(
    data: cython.const[cython.uchar][::1],
    at: cython.longlong[::1],
    base_ms: cython.longlong[::1],
    counts: cython.longlong[::1],
    panes: cython.longlong[:, ::1],
    widths_ms: cython.longlong[::1],
    last_valued: cython.int,
) -> None:
    """The inverse of `write_panes`; `counts`: the panes of each customer."""
    eye: _Eye = _Eye(data)
    row: cython.Py_ssize_t = 0
    end: cython.Py_ssize_t
    run_end: cython.Py_ssize_t
    length: cython.longlong
    customer: cython.Py_ssize_t
    kind: cython.longlong
    pane: cython.longlong
    step: cython.longlong
    for customer in range(at.shape[0]):
        eye.at = at[customer]
        end = row + counts[customer]
        while row < end:
            kind = eye.number() & 0x3FF
            length = eye.number()
            run_end = row + length if 0 < length <= end - row else end  # in a damaged state anything may stand
            pane = base_ms[customer] // widths_ms[min(kind >> _TIER_SHIFT, widths_ms.shape[0] - 1)] - eye.signed() - 1
            while row < run_end:
                step = eye.number()
                pane += 1
                if step & 1:
                    pane += eye.number() + 1
                panes[row, 0] = customer
                panes[row, 1] = kind << _KIND_SHIFT | pane & _PANE_MASK
                panes[row, 2] = (step >> 1) + 1
                panes[row, 3] = eye.signed() if kind & 0xFF <= last_valued else 0
                row += 1
        at[customer] = eye.at


@cython.final
@cython.cclass
class _Pen:
    """Writes at position `at`."""

    out: cython.uchar[::1]
    at: cython.Py_ssize_t

    def __init__(self, out: cython.uchar[::1]) -> None:
        self.out = out

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def number(self, value: cython.ulonglong) -> cython.void:
        while value > 127:
            self.out[self.at] = value & 127 | 128
            self.at += 1
            value >>= 7
        self.out[self.at] = value
        self.at += 1

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def signed(self, value: cython.longlong) -> cython.void:
        """Zigzag: 0, -1, 1, -2 ... as 0, 1, 2, 3 ..."""
        self.number((value << 1) ^ (value >> 63))

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def since(self, value: cython.longlong, base: cython.longlong) -> cython.void:
        """NEVER, INF, or the distance from a base."""
        if value == _NEVER:
            self.number(0)
        elif value == _INF:
            self.number(1)
        else:
            value -= base
            self.number(((value << 1) ^ (value >> 63)) + 2)

    @cython.cfunc
    @cython.exceptval(check=False)
    def bytes_of(self, value: cython.longlong, size: cython.int) -> cython.void:
        k: cython.int
        for k in range(size):
            self.out[self.at + k] = value >> 8 * k & 0xFF
        self.at += size

    @cython.cfunc
    @cython.exceptval(check=False)
    def cell(self, value: cython.longlong, code: cython.int, base_ms: cython.longlong) -> cython.void:
        size: cython.int
        if code == _COUNT:
            self.number(value)
        elif code == _INSTANT:
            self.since(value, base_ms)
        elif code == _SIGNED:
            self.signed(value)
        elif code == _SECOND:
            self.since(value if value in (_NEVER, _INF) else value // _SECOND_MS, base_ms // _SECOND_MS)
        elif code == _DAY:
            self.since(value, base_ms // _DAY_MS)
        elif code == _EIGHT:
            self.bytes_of(value, 8)
        else:
            size = 8
            while size > 0 and value >> 8 * (size - 1) & 0xFF == 0:
                size -= 1
            self.number(size)
            self.bytes_of(value, size)


@cython.final
@cython.cclass
class _Eye:
    """Reads from position `at`."""

    data: cython.const[cython.uchar][::1]
    at: cython.Py_ssize_t

    def __init__(self, data: cython.const[cython.uchar][::1]) -> None:
        self.data = data

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def byte(self) -> cython.ulonglong:
        """The next byte; behind the end, 0."""
        self.at += 1
        return self.data[self.at - 1] if self.at <= self.data.shape[0] else 0

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def number(self) -> cython.ulonglong:
        value: cython.ulonglong = self.byte()
        more: cython.ulonglong = value
        shift: cython.int = 7
        if value > 127:
            value &= 127
            while more > 127 and shift < 64:
                more = self.byte()
                value |= (more & 127) << shift
                shift += 7
        return value

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def signed(self) -> cython.longlong:
        value: cython.ulonglong = self.number()
        return cython.cast(cython.longlong, value >> 1) ^ -cython.cast(cython.longlong, value & 1)

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def since(self, base: cython.longlong) -> cython.longlong:
        value: cython.ulonglong = self.number()
        if value == 0:
            return _NEVER
        if value == 1:
            return _INF
        value -= 2
        return base + (cython.cast(cython.longlong, value >> 1) ^ -cython.cast(cython.longlong, value & 1))

    @cython.cfunc
    @cython.exceptval(check=False)
    def bytes_of(self, size: cython.int) -> cython.longlong:
        value: cython.longlong = 0
        k: cython.int
        for k in range(size):
            value |= cython.cast(cython.longlong, self.byte()) << 8 * k
        return value

    @cython.cfunc
    @cython.exceptval(check=False)
    def cell(self, code: cython.int, base_ms: cython.longlong) -> cython.longlong:
        value: cython.longlong
        if code == _COUNT:
            return self.number()
        if code == _INSTANT:
            return self.since(base_ms)
        if code == _SIGNED:
            return self.signed()
        if code == _SECOND:
            value = self.since(base_ms // _SECOND_MS)
            return value if value in (_NEVER, _INF) else value * _SECOND_MS
        if code == _DAY:
            return self.since(base_ms // _DAY_MS)
        if code == _EIGHT:
            return self.bytes_of(8)
        return self.bytes_of(min(cython.cast(cython.int, self.number()), 8))
