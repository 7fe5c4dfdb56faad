"""Amounts of money in a packed state."""

from streamproc.state.bits cimport Reader, Writer, get, get_signed, i64, put, put_after, u64, zigzag

cdef enum:
    CENTS_ORDER = 13
    MICROS_ORDER = 24
    MICROS_OF_CENT = 10_000


cdef inline void put_money(Writer* out, i64 micros) noexcept nogil:
    """Nothing, an amount in cents, or one in millionths."""
    if micros == 0:
        put(out, 0b1, 1)
    elif micros % MICROS_OF_CENT == 0:
        put_after(out, 0b10, 2, zigzag(micros // MICROS_OF_CENT), CENTS_ORDER)
    else:
        put_after(out, 0b00, 2, zigzag(micros), MICROS_ORDER)


cdef inline i64 get_money(Reader* source) noexcept nogil:
    if get(source, 1):
        return 0
    if get(source, 1):
        return <i64>(<u64>get_signed(source, CENTS_ORDER) * MICROS_OF_CENT)
    return get_signed(source, MICROS_ORDER)
