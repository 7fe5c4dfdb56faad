"""Ids and names in a packed state."""

from libc.string cimport memcpy, memset

from streamproc.state.bits cimport ONES_32, Reader, Writer, byte, get, get_number, i64, put, put_after, spoil, u64

cdef enum:
    ID_BITS = 32
    PLACES = 256  # of known ids, at most: there is room for more of them
    NAME_FIELDS = 3
    NAME_BYTES = 24
    SIZE_ORDER = 3
    LETTER_BITS = 5
    FIRST_LETTER = 96  # before a
    LETTERS_AT_ONCE = 7


cdef struct Names:
    const i64* ids  # those that are told by their place
    int size
    int next  # the place behind that of the id before


cdef inline void put_id(Writer* out, Names* names, i64 value, bint flag) noexcept nogil:
    """Known ones by how far they stand behind the one before, all around. Beside it a flag."""
    cdef int place = names.next
    for _ in range(names.size):
        if place >= names.size:
            place = 0
        if names.ids[place] == value:
            put_after(out, 1 | <u64>flag << 1, 2, (place - names.next) & (PLACES - 1), 0)
            names.next = place + 1
            return
        place += 1
    put(out, (value & ONES_32) << 2 | <u64>flag << 1, 2 + ID_BITS)


cdef inline i64 get_id(Reader* source, Names* names, bint* flag) noexcept nogil:
    cdef u64 place, begin = get(source, 2)
    flag[0] = begin >> 1
    if not begin & 1:
        return get(source, ID_BITS)
    place = get_number(source, 0) + <u64>names.next
    place &= PLACES - 1
    names.next = <int>place + 1
    if place < <u64>names.size:
        return names.ids[place]
    spoil(source)
    return 0


cdef inline void put_name(Writer* out, const i64* cells) noexcept nogil:
    """Whether it is of small letters, its length, and its letters."""
    cdef const byte* name = <const byte*>cells
    cdef int size = NAME_BYTES, first = 0, i, bits = LETTER_BITS
    cdef u64 letters
    while size > 0 and name[size - 1] == 0:
        size -= 1
    for i in range(size):
        if name[i] < FIRST_LETTER or name[i] >= FIRST_LETTER + (1 << LETTER_BITS):
            bits = 8
    put_after(out, bits == 8, 1, size, SIZE_ORDER)
    while first < size:
        letters = 0
        for i in range(min(size - first, LETTERS_AT_ONCE)):
            letters |= <u64>(name[first + i] - (0 if bits == 8 else FIRST_LETTER)) << bits * i
        put(out, letters, bits * min(size - first, LETTERS_AT_ONCE))
        first += LETTERS_AT_ONCE


cdef inline void get_name(Reader* source, i64* cells) noexcept nogil:
    cdef byte* name = <byte*>cells
    cdef int bits = 8 if get(source, 1) else LETTER_BITS, first = 0, size, i
    cdef u64 letters = get_number(source, SIZE_ORDER)
    if letters > NAME_BYTES:
        spoil(source)
        letters = 0
    size = <int>letters
    memset(name, 0, NAME_BYTES)
    while first < size:
        letters = get(source, bits * min(size - first, LETTERS_AT_ONCE))
        for i in range(min(size - first, LETTERS_AT_ONCE)):
            name[first + i] = <byte>((letters & ((<u64>1 << bits) - 1)) + (0 if bits == 8 else FIRST_LETTER))
            letters >>= bits
        first += LETTERS_AT_ONCE
