"""Numbers in as few bits as they need: what packed states are made of.

Bits are written from the lowest of a byte to its highest. A number of some order k is an Exp-Golomb code: k bits for
numbers below 2^k, and two bits more each time that they double. So the order says how large a number mostly is.
"""

from libc.string cimport memcpy

ctypedef unsigned char byte
ctypedef long long i64
ctypedef unsigned long long u64

cdef extern from *:
    """
    #define SP_NEVER (-1LL)
    #define SP_INF 0x7FFFFFFFFFFFFFFFLL
    #define SP_ONES_32 0xFFFFFFFFULL
    """
    const i64 NEVER "SP_NEVER"
    const i64 INF "SP_INF"
    const u64 ONES_32 "SP_ONES_32"
    int lowest_one "__builtin_ctzll"(u64) noexcept nogil
    int leading_zeros "__builtin_clzll"(u64) noexcept nogil
    int ones_of "__builtin_popcountll"(u64) noexcept nogil

cdef enum:
    AT_ONCE = 56  # bits that go through `put` and `get` in one piece
    NUMBER_BITS = 48  # of a number; of a greater one, as many zeros and one more say that 64 plain bits follow
    NUMBER_BYTES_MAX = 16


cdef struct Writer:
    byte* at
    u64 open  # the bits of the byte at `at`
    int used  # how many, below 8


cdef struct Reader:
    const byte* bytes
    u64 size
    u64 at  # the next bit


cdef inline void put(Writer* out, u64 bits, int count) noexcept nogil:
    """`bits` has no ones beyond `count`. Up to eight bytes behind the last written one are overwritten."""
    out.open |= bits << out.used
    out.used += count
    memcpy(out.at, &out.open, 8)
    out.at += out.used >> 3
    out.open >>= out.used & 0x38
    out.used &= 7


cdef inline int bits_of(u64 most) noexcept nogil:
    """How many bits numbers up to `most` take."""
    return 64 - leading_zeros(most) if most else 0


cdef inline void put_word(Writer* out, u64 bits) noexcept nogil:
    put(out, bits & ONES_32, 32)
    put(out, bits >> 32, 32)


cdef inline byte* end_of(Writer* out) noexcept nogil:
    """The end of what was written: a byte that was begun is whole."""
    out.at[0] = <byte>out.open
    return out.at + (out.used > 0)


cdef inline void put_after(Writer* out, u64 begin, int count, u64 number, int order) noexcept nogil:
    """A number behind `count` bits."""
    cdef int more, size
    if number >> NUMBER_BITS:
        put(out, begin, count)
        put(out, 0, NUMBER_BITS + 1)
        put_word(out, number)
        return
    number += <u64>1 << order
    size = 63 - leading_zeros(number)  # without the first one, which says itself
    more = size - order
    number = number & ((<u64>1 << size) - 1)
    if count + more + 1 + size <= AT_ONCE:
        put(out, (number << 1 | 1) << (more + count) | begin, count + more + 1 + size)
    else:
        put(out, <u64>1 << (more + count) | begin, count + more + 1)
        put(out, number, size)


cdef inline void put_number(Writer* out, u64 number, int order) noexcept nogil:
    put_after(out, 0, 0, number, order)


cdef inline u64 zigzag(u64 number) noexcept nogil:
    """0, -1, 1, -2 ... as 0, 1, 2, 3 ..."""
    return number << 1 ^ -(number >> 63)


cdef inline void put_signed(Writer* out, u64 number, int order) noexcept nogil:
    put_number(out, zigzag(number), order)


cdef inline u64 peek(const Reader* source) noexcept nogil:
    """The next 57 bits or more. Behind the end stand zeros."""
    cdef u64 place = source.at >> 3, word = 0
    if place + 8 <= source.size:
        memcpy(&word, source.bytes + place, 8)
    elif place < source.size:
        memcpy(&word, source.bytes + place, source.size - place)
    return word >> (source.at & 7)


cdef inline u64 get(Reader* source, int count) noexcept nogil:
    cdef u64 bits = peek(source) & ((<u64>1 << count) - 1)
    source.at += count
    return bits


cdef inline u64 get_word(Reader* source) noexcept nogil:
    cdef u64 low = get(source, 32)
    return low | get(source, 32) << 32


cdef inline void spoil(Reader* source) noexcept nogil:
    """What was read cannot be: the end will not be where it should."""
    source.at = 8 * source.size + 64


cdef inline bint is_at_end(const Reader* source) noexcept nogil:
    return (source.at + 7) >> 3 == source.size and peek(source) == 0


cdef inline u64 get_number(Reader* source, int order) noexcept nogil:
    cdef u64 word = peek(source)
    cdef int more = lowest_one(word | <u64>1 << AT_ONCE), size = more + order
    if more + 1 + size > AT_ONCE:
        return _get_great_number(source, order)
    source.at += more + 1 + size
    return (word >> (more + 1) & ((<u64>1 << size) - 1)) + (<u64>1 << size) - (<u64>1 << order)


cdef inline u64 _get_great_number(Reader* source, int order) noexcept nogil:
    """One that does not go through `get` in one piece."""
    cdef u64 word = peek(source)
    cdef int more, size
    if word & ((<u64>1 << (NUMBER_BITS + 1)) - 1) == 0:
        source.at += NUMBER_BITS + 1
        return get_word(source)
    more = lowest_one(word)
    size = more + order
    if size > NUMBER_BITS:
        spoil(source)
        return 0
    source.at += more + 1
    return get(source, size) + (<u64>1 << size) - (<u64>1 << order)


cdef inline i64 get_signed(Reader* source, int order) noexcept nogil:
    cdef u64 number = get_number(source, order)
    return <i64>(number >> 1 ^ -(number & 1))
