"""What silence does to the churn score, customer by customer: the score at an instant, and when it reaches a threshold.

Both come from one function, so an instant found for a threshold is exact with respect to the score.
"""

from libc.math cimport INFINITY, ceil, exp, expm1, fabs, fmax, fmin, log, log1p

ctypedef long long i64

cdef enum:
    SECOND_MS = 1_000
    BISECT_EVERY = 12  # rounds of a search: which bounds their number whatever the curve looks like
    APPROACHES_MAX = 8

cdef double DAY_MS = 86_400_000.0
cdef double LIMIT = 35.0  # as `score.LOGIT_LIMIT`
cdef i64 INF = 0x7FFFFFFFFFFFFFFF
cdef double FAR = 8.0  # a step in ln(1 + silence) that long leads nowhere
cdef double CLOSE = 1e-4  # after one so short the error, which is about its square, is less than a second


cdef struct Model:
    bint has_p0
    double horizon_days
    double w0, w1, w2, w3, w4, w5


cdef struct Past:  # one row of `score.History`
    double shape, age, ln_odds, log_days, e30, e90
    i64 last_activity_ms


cdef struct Terms:
    double logit_p0, log_silence, log_e30, log_e90
    double logit, risk


cdef struct Slope:
    double logit, slope


cdef struct Edge:
    i64 ms
    double log_silence
    double excess  # logit less the threshold's: below 0 at the low edge, not so at the high one


def scores(
    const double[:, ::1] past,
    const i64[::1] last_activity_ms,
    const i64[::1] now_ms,
    const double[::1] model,
    double[:, ::1] terms,
    double[::1] logit,
    double[::1] risk,
):
    """Score n customers. `past`: float64[6, n], the fields of `score.History`; `model`: has P0, horizon, w0 to w5.

    Fills `terms`: float64[4, n], those that silence moves; `logit`, not held inside its limits; `risk`.
    """
    cdef Model own = _model(model)
    cdef Terms found
    cdef Py_ssize_t i
    with nogil:
        for i in range(now_ms.shape[0]):
            found = _score(_past(past, last_activity_ms, i), own, now_ms[i], True)
            terms[0, i], terms[1, i] = found.logit_p0, found.log_silence
            terms[2, i], terms[3, i] = found.log_e30, found.log_e90
            logit[i], risk[i] = found.logit, found.risk


def crossings(
    const double[:, ::1] past,
    const i64[::1] last_activity_ms,
    const i64[::1] now_ms,
    const double[::1] model,
    const i64[::1] rows,
    const double[::1] threshold,
    const i64[::1] guess_ms,
    i64 search_ms,
    i64[::1] crossing_ms,
):
    """For the customers at `rows`, the first whole second after now at which, in silence, the risk is at least
    `threshold`; INF: there is none within `search_ms`.

    `threshold`, `guess_ms` and `crossing_ms` are theirs: one for each of `rows`. `guess_ms`: where to look first.
    """
    cdef Model own = _model(model)
    cdef Past customer
    cdef i64 low_ms
    cdef Py_ssize_t i, row
    with nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            low_ms = (now_ms[row] // SECOND_MS + 1) * SECOND_MS
            if threshold[i] <= 0.0:  # the risk is between 0 and 1, and neither
                crossing_ms[i] = low_ms
            elif threshold[i] >= 1.0:
                crossing_ms[i] = INF
            else:
                customer = _past(past, last_activity_ms, row)
                crossing_ms[i] = _crossing(customer, own, threshold[i], low_ms, low_ms + search_ms, guess_ms[i])


cdef i64 _crossing(Past past, Model model, double threshold, i64 low_ms, i64 high_ms, i64 guess_ms) noexcept nogil:
    """A good guess is checked on both sides; where that fails, all of the time is searched."""
    cdef double target = log(threshold) - log1p(-threshold)
    cdef i64 at_ms = _approached(past, model, target, low_ms, high_ms, guess_ms)
    cdef Terms low, high
    if at_ms != INF and _score(past, model, at_ms, False).risk >= threshold:
        if at_ms == low_ms or _score(past, model, at_ms - SECOND_MS, False).risk < threshold:
            return at_ms
    low = _score(past, model, low_ms, False)
    if low.risk >= threshold:
        return low_ms
    high = _score(past, model, high_ms, False)
    if not high.risk >= threshold:
        return INF
    return _search(
        past,
        model,
        threshold,
        target,
        Edge(low_ms, low.log_silence, low.logit - target),
        Edge(high_ms, high.log_silence, high.logit - target),
    )


cdef i64 _approached(Past past, Model model, double target, i64 low_ms, i64 high_ms, i64 guess_ms) noexcept nogil:
    """About when the logit is `target`: Newton's method in ln(1 + silence). INF where that gets nowhere."""
    cdef double log_silence = log1p(fmax(<double>(guess_ms - past.last_activity_ms), 0.0) / DAY_MS)
    cdef double log_age = log(past.age) if model.has_p0 else 0.0
    cdef double step = INFINITY, at_ms
    cdef Slope rough
    cdef int rounds = 0
    while fabs(step) > CLOSE:
        rough = _rough(past, model, log_age, log_silence)
        step = (target - rough.logit) / rough.slope
        rounds += 1
        if not fabs(step) < FAR or rounds > APPROACHES_MAX:
            return INF
        log_silence += step
    at_ms = past.last_activity_ms + (exp(log_silence) - 1.0) * DAY_MS
    return <i64>fmax(low_ms, fmin(high_ms, ceil(at_ms / SECOND_MS) * SECOND_MS))


cdef Slope _rough(Past past, Model model, double log_age, double log_silence) noexcept nogil:
    """The logit, but for the last digits, and its slope, both by ln(1 + silence): in a third of the time of `_score`.

    A result that starts from here is checked with `_score`, so it need not be the same function of the same numbers.
    """
    cdef double whole = exp(log_silence)
    cdef double days = whole - 1.0
    cdef Slope found = Slope(model.w0 - model.w3 * past.log_days + model.w2 * log_silence, model.w2)
    cdef double now, then, left, quiet, left_slope, quiet_slope, rate
    if model.has_p0:  # logit P0 = ln((D + q) / (1 - q)), as in `_logit_of_p0`
        now, then = past.age + days, past.age + days + model.horizon_days
        left = log(now)
        quiet = exp(past.shape * (left - log(then)))
        left = exp(past.ln_odds + past.shape * (left - log_age))
        left_slope = left * past.shape * whole / now
        quiet_slope = quiet * past.shape * model.horizon_days * whole / (now * then)
        found.logit += model.w1 * log((left + quiet) / (1.0 - quiet))
        found.slope += model.w1 * ((left_slope + quiet_slope) / (left + quiet) + quiet_slope / (1.0 - quiet))
    if model.w4 != 0.0:
        rate = past.e30 * exp(days / -30.0)
        found.logit -= model.w4 * log(1.0 + rate)
        found.slope += model.w4 * whole / 30.0 * rate / (1.0 + rate)
    if model.w5 != 0.0:
        rate = past.e90 * exp(days / -90.0)
        found.logit -= model.w5 * log(1.0 + rate)
        found.slope += model.w5 * whole / 90.0 * rate / (1.0 + rate)
    return found


cdef i64 _search(Past past, Model model, double threshold, double target, Edge low, Edge high) noexcept nogil:
    """The crossing inside a bracket: regula falsi after Anderson and Bjorck (1973), on whole seconds.

    The logit is close to a straight line in ln(1 + silence): a handful of interpolations find the second.
    """
    cdef int rounds = 0, moved = 0  # which edge the last probe moved: 1 the high one, -1 the low one
    cdef i64 at_ms
    cdef Edge at
    cdef Terms found
    while high.ms - low.ms > SECOND_MS:
        rounds += 1
        at_ms = _interpolated(past, low, high)
        if rounds % BISECT_EVERY == 0:
            at_ms = (low.ms + high.ms) // (2 * SECOND_MS) * SECOND_MS
        found = _score(past, model, at_ms, False)
        at = Edge(at_ms, found.log_silence, found.logit - target)
        # An edge that stays a second time loses weight, or the other one would only creep towards the zero.
        if found.risk >= threshold:
            if moved > 0:
                low.excess *= _weight(at.excess, high.excess)
            high, moved = at, 1
        else:
            if moved < 0:
                high.excess *= _weight(at.excess, low.excess)
            low, moved = at, -1
    return high.ms


cdef inline double _weight(double excess, double replaced_excess) noexcept nogil:
    """Anderson and Bjorck's factor for the edge that stays, or one half where theirs is not positive."""
    cdef double weight = 1.0 - excess / replaced_excess if replaced_excess != 0.0 else 0.0
    return weight if weight > 0.0 else 0.5


cdef inline i64 _interpolated(Past past, Edge low, Edge high) noexcept nogil:
    """A whole second strictly inside the bracket, next to the zero of the line through both edges."""
    cdef double width = high.excess - low.excess
    # Rounding can leave nothing between the edges of a bracket that is one second wide.
    cdef double share = -low.excess / width if width > 0.0 else 0.5
    cdef double zero = low.log_silence + share * (high.log_silence - low.log_silence)
    cdef double second = ceil((past.last_activity_ms + expm1(zero) * DAY_MS) / SECOND_MS)
    second = fmax(second, low.ms // SECOND_MS + 1)
    return <i64>fmin(second, high.ms // SECOND_MS - 1) * SECOND_MS


cdef Terms _score(Past past, Model model, i64 now_ms, bint all_terms) noexcept nogil:
    cdef double days = fmax(<double>(now_ms - past.last_activity_ms), 0.0) / DAY_MS
    cdef Terms terms
    terms.logit_p0 = _logit_of_p0(past, days, model.horizon_days) if model.has_p0 else 0.0
    terms.log_silence = log1p(days)
    # In a search most of the time goes into these functions: not for terms without weight.
    terms.log_e30 = log1p(past.e30 * exp(days / -30.0)) if all_terms or model.w4 != 0.0 else 0.0
    terms.log_e90 = log1p(past.e90 * exp(days / -90.0)) if all_terms or model.w5 != 0.0 else 0.0
    terms.logit = (
        model.w0
        + model.w1 * terms.logit_p0
        + model.w2 * terms.log_silence
        - model.w3 * past.log_days
        - model.w4 * terms.log_e30
        - model.w5 * terms.log_e90
    )
    terms.risk = 1.0 / (1.0 + exp(-fmax(-LIMIT, fmin(LIMIT, terms.logit))))
    return terms


cdef inline double _logit_of_p0(Past past, double silence_days, double horizon_days) noexcept nogil:
    """logit P0, held inside the limits.

    With D the odds of having left and q the probability that a customer who stayed shows nothing in H days,
    P0 = 1 - (1 - q) / (1 + D) = (D + q) / (1 + D), so logit P0 = ln(D + q) - ln(1 - q): nothing cancels and nothing
    overflows, however close P0 is to 0 or 1, if D and q are kept as logarithms.
    """
    cdef double ln_d = past.ln_odds + past.shape * log1p(silence_days / past.age)
    cdef double ln_q = -past.shape * log1p(horizon_days / (past.age + silence_days))
    cdef double ln_d_plus_q = fmax(ln_d, ln_q) + log1p(exp(-fabs(ln_d - ln_q)))
    return fmax(-LIMIT, fmin(LIMIT, ln_d_plus_q - log(-expm1(ln_q))))


cdef inline Past _past(const double[:, ::1] past, const i64[::1] last_activity_ms, Py_ssize_t i) noexcept nogil:
    return Past(past[0, i], past[1, i], past[2, i], past[3, i], past[4, i], past[5, i], last_activity_ms[i])


cdef Model _model(const double[::1] model):
    return Model(model[0] != 0.0, model[1], model[2], model[3], model[4], model[5], model[6], model[7])
