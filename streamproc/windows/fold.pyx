"""Events, one after the other: what they change in the fixed rows of their customers, and what they add to panes.

The rules are those of docs/semantics.md, section 4.
"""

from libc.math cimport exp

ctypedef long long i64
ctypedef unsigned long long u64

cdef enum:
    CHANNELS = 3
    TIERS = 3
    ORDERS = 3  # series, as in `windows.panes`
    SESSIONS = 4
    FIRST_TALLY = 5
    SERIES_SHIFT = 32
    TIER_SHIFT = 40
    WORD_BITS = 64
    BITMAP_DAYS = 128
    DECAYS = 3
    NEVER = -1

cdef i64 DAY_MS = 86_400_000
cdef double[DECAYS] DECAY_DAYS = [30.0, 90.0, 365.0]
#: A cart has no more pieces, and is worth no more (docs/semantics.md, section 4): with one more event, both stay inside
#: 64 bits.
cdef i64 CART_ITEMS_MAX = 4_000_000_000
cdef i64 CART_MICROS_MAX = 1_000_000_000_000_000_000


cdef struct Head:  # `table.HEAD_DTYPE`
    i64 first_seen_ms
    i64[CHANNELS] last_ms
    i64 last_activity_ms
    i64 events
    i64 orders
    i64 sessions
    i64 money_micros
    i64 cart_items
    i64 cart_changed_ms
    i64 cart_cleared_ms
    i64 cart_since_ms
    i64 cart_micros
    i64 last_order_ms
    i64 session_ms
    i64 pause_ms
    i64 active_days
    i64 first_day
    i64 last_day
    u64 days_low
    u64 days_high
    double[DECAYS] decayed_days
    i64 next_check_ms
    i64 churn_due_ms
    i64 timer_ms
    i64 cause_offset
    i64 cause_topic
    i64 band
    i64 version
    i64 rules


cdef struct Event:  # `columns.EVENT_DTYPE`
    i64 offset
    i64 ts_ms
    u64 message_hash
    i64 duration_ms
    i64 money_micros
    i64 cart
    i64 cart_micros
    u64 ticket_hash
    unsigned int name
    unsigned int shown
    unsigned int time_zone
    char[24] category
    short consent
    signed char topic
    signed char channel
    unsigned char counted
    unsigned char activity
    unsigned char order
    signed char tally
    signed char valence
    signed char view
    signed char survey
    signed char score
    signed char ticket
    signed char suppressed
    signed char answered
    signed char contact


cdef struct Pane:  # `panes.PANE_DTYPE`
    i64 row
    i64 key
    i64 count
    i64 value


def fold(
    i64[:, ::1] heads,
    const unsigned char[:, ::1] events,
    const i64[::1] row,
    i64 session_gap_ms,
    starts,
    i64[::1] duration_ms,
    is_latest,
    i64[::1] session,
):
    """Fold n events (apply order within a customer) into the fixed rows of their customers.

    `row`: int64[n], each one's customer. Fills, of each event: `starts`, bool: whether it starts a session;
    `duration_ms`: its own, or by how much it lengthens a session; `is_latest`, bool: whether it is activity in what is
    now the customer's latest session; and `session`: how many sessions there were so far.
    """
    cdef unsigned char[::1] starting = starts.view("u1"), latest = is_latest.view("u1")
    cdef Py_ssize_t i, n = row.shape[0]
    cdef const Event* event
    cdef Head* head
    if heads.shape[1] * sizeof(i64) != sizeof(Head) or events.shape[1] != sizeof(Event):
        raise ValueError("rows are not laid out as this module knows them")
    if not (events.shape[0] == starting.shape[0] == duration_ms.shape[0] == latest.shape[0] == session.shape[0] == n):
        raise ValueError("not one entry an event")
    for i in range(n):
        if not (0 <= row[i] < heads.shape[0] and 0 <= (<const Event*>&events[i, 0]).channel < CHANNELS):
            raise ValueError("an event of no customer or channel")
    with nogil:
        for i in range(n):
            head, event = <Head*>&heads[row[i], 0], <const Event*>&events[i, 0]
            _count(head, event)
            starting[i], duration_ms[i] = False, max(event.duration_ms, 0)
            if event.activity:
                starting[i] = _starts_session(head, event.ts_ms, session_gap_ms)
                if event.duration_ms < 0 and not starting[i]:
                    duration_ms[i] = max(event.ts_ms - head.last_activity_ms, 0)
                head.last_activity_ms = max(head.last_activity_ms, event.ts_ms)
                _mark_active_day(head, event.ts_ms // DAY_MS)
            session[i] = head.sessions
            _follow_cart(head, event)
        for i in range(n):
            head, event = <Head*>&heads[row[i], 0], <const Event*>&events[i, 0]
            latest[i] = event.activity and session[i] == head.sessions and event.ts_ms >= head.session_ms


def mark_active_days(i64[:, ::1] heads, const i64[::1] row, const i64[::1] ts_ms):
    """Fold n activities into the active days of their customers, as `fold` does, and into nothing else."""
    cdef Py_ssize_t i, n = row.shape[0]
    if heads.shape[1] * sizeof(i64) != sizeof(Head) or ts_ms.shape[0] != n:
        raise ValueError("rows are not laid out as this module knows them")
    for i in range(n):
        if not 0 <= row[i] < heads.shape[0]:
            raise ValueError("an activity of no customer")
    with nogil:
        for i in range(n):
            _mark_active_day(<Head*>&heads[row[i], 0], ts_ms[i] // DAY_MS)


cdef inline void _count(Head* head, const Event* event) noexcept nogil:
    head.first_seen_ms = min(head.first_seen_ms, event.ts_ms)
    head.cause_topic, head.cause_offset = event.topic, event.offset
    if event.counted:
        head.last_ms[event.channel] = max(head.last_ms[event.channel], event.ts_ms)
        head.events += 1
    if event.order:
        head.orders += 1
        head.money_micros += event.money_micros
        head.last_order_ms = max(head.last_order_ms, event.ts_ms)


cdef inline bint _starts_session(Head* head, i64 ts_ms, i64 gap_ms) noexcept nogil:
    cdef i64 step_ms = ts_ms - head.last_activity_ms
    if head.last_activity_ms != NEVER and step_ms <= gap_ms:
        return False
    head.pause_ms = 0 if head.last_activity_ms == NEVER else step_ms
    head.session_ms = ts_ms
    head.sessions += 1
    return True


cdef void _mark_active_day(Head* head, i64 day) noexcept nogil:
    """Commutative and idempotent."""
    cdef int decay
    cdef i64 age
    cdef u64 bit
    cdef u64* word
    if day > head.last_day:
        if head.last_day != NEVER:
            _move_on(head, day - head.last_day)
        head.last_day = day
    head.first_day = min(head.first_day, day)
    age = head.last_day - day
    bit, word = <u64>1 << (age % WORD_BITS), &head.days_low if age < WORD_BITS else &head.days_high
    if age < BITMAP_DAYS and not word[0] & bit:
        word[0] |= bit
        head.active_days += 1
        for decay in range(DECAYS):
            head.decayed_days[decay] += exp(-age / DECAY_DAYS[decay])


cdef void _move_on(Head* head, i64 days) noexcept nogil:
    """Tell bitmap and decayed counts from so many days later, at least one."""
    cdef int decay
    if days < WORD_BITS:
        head.days_high = head.days_high << days | head.days_low >> (WORD_BITS - days)
        head.days_low <<= days
    else:
        head.days_high = head.days_low << (days - WORD_BITS) if days < BITMAP_DAYS else 0
        head.days_low = 0
    for decay in range(DECAYS):
        head.decayed_days[decay] *= exp(-days / DECAY_DAYS[decay])


cdef void _follow_cart(Head* head, const Event* event) noexcept nogil:
    cdef i64 pieces = max(-CART_ITEMS_MAX, min(CART_ITEMS_MAX, event.cart))
    if pieces != 0 and event.ts_ms >= head.cart_cleared_ms:
        if pieces > 0 and head.cart_items == 0:
            head.cart_since_ms = event.ts_ms
        head.cart_items = max(0, min(CART_ITEMS_MAX, head.cart_items + pieces))
        head.cart_micros += event.cart_micros if pieces > 0 else -event.cart_micros
        head.cart_micros = max(0, min(CART_MICROS_MAX, head.cart_micros)) if head.cart_items else 0
        head.cart_changed_ms = max(head.cart_changed_ms, event.ts_ms)
    if event.order and event.ts_ms >= head.cart_changed_ms:
        head.cart_items = head.cart_micros = 0
        head.cart_cleared_ms = max(head.cart_cleared_ms, event.ts_ms)


def contribute(
    const unsigned char[:, ::1] events,
    const i64[::1] row,
    const i64[::1] at_ms,
    starts,
    const i64[::1] duration_ms,
    const i64[:, ::1] tiers,
    const i64[::1] valences,
    i64[:, ::1] out,
):
    """Write what n events add to panes to `out`, event by event; returns how many rows that are, at most 11 an event.

    A pane that no window at the event's instant `at_ms` can hold is left out. `starts`, `duration_ms`: as `fold` filled
    them. `tiers`: [tiers, 2], width in ms and how many panes are kept; the last one is that of tallies. `valences`: the
    tallies of negative and of positive events.
    """
    cdef const unsigned char[::1] starting = starts.view("u1")
    cdef Py_ssize_t i, tier, at = 0, n = row.shape[0]
    cdef i64 pane, key
    cdef const Event* event
    if events.shape[1] != sizeof(Event) or out.shape[1] * sizeof(i64) != sizeof(Pane):
        raise ValueError("rows are not laid out as this module knows them")
    if tiers.shape[0] != TIERS or tiers.shape[1] != 2 or valences.shape[0] != 2:
        raise ValueError("not the tiers and valences that there are")
    if not (events.shape[0] == at_ms.shape[0] == starting.shape[0] == duration_ms.shape[0] == n):
        raise ValueError("not one entry an event")
    if out.shape[0] < n * (3 * TIERS + 2):
        raise ValueError("no room")
    with nogil:
        for i in range(n):
            event = <const Event*>&events[i, 0]
            for tier in range(TIERS):
                pane = event.ts_ms // tiers[tier, 0]
                if pane <= at_ms[i] // tiers[tier, 0] - tiers[tier, 1]:
                    continue
                key = tier << TIER_SHIFT | pane
                if event.counted:
                    at = _put(out, at, row[i], key, event.channel, duration_ms[i])
                if event.order:
                    at = _put(out, at, row[i], key, ORDERS, event.money_micros)
                if starting[i]:
                    at = _put(out, at, row[i], key, SESSIONS, 0)
                if tier == TIERS - 1:
                    if event.tally >= 0:
                        at = _put(out, at, row[i], key, FIRST_TALLY + event.tally, 0)
                    if event.valence:
                        at = _put(out, at, row[i], key, FIRST_TALLY + valences[event.valence > 0], 0)
    return at


cdef inline Py_ssize_t _put(
    i64[:, ::1] out, Py_ssize_t at, i64 row, i64 key, i64 series, i64 value
) noexcept nogil:
    cdef Pane* pane = <Pane*>&out[at, 0]
    pane.row, pane.key, pane.count, pane.value = row, key | series << SERIES_SHIFT, 1, value
    return at + 1
