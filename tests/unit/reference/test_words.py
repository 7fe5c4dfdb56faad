"""Lives worked out by hand from docs/semantics.md: surveys and tickets, on which the latest word holds."""

from typing import Any

from xxhash import xxh3_64_intdigest

from tests.unit.reference.life import NOON, D, H, M, S, Sent, brief, live, page, rules, track


def values_of(sent: list[Sent], *names: str, now_ms: int = NOON + H) -> list[Any]:
    """(value, exact) of ann's features an hour after noon."""
    features = live(rules(), sent, now_ms).features["ann"]
    return [features[name] for name in names]


def answer(survey: str, score: int, at_ms: int, message_id: str | None = None) -> Sent:
    message_id = message_id or f"{survey}-{at_ms}"
    return track("Survey Question Answered", "ann", at_ms, message_id, survey=survey, score=score)


def opened(ticket: object, at_ms: int, message_id: str | None = None) -> Sent:
    return track("Ticket Opened", "ann", at_ms, message_id or f"open-{ticket}-{at_ms}", ticket_id=ticket)


def closed(ticket: object, at_ms: int, message_id: str | None = None) -> Sent:
    return track("Ticket Closed", "ann", at_ms, message_id or f"close-{ticket}-{at_ms}", ticket_id=ticket)


def test_the_latest_answer_holds() -> None:
    """Per survey, by time and not by arrival; one that is not asked for counts and says no more."""
    sent = [
        answer("nps", 9, NOON + M),
        answer("NPS", 3, NOON),
        answer("ces", 7, NOON),
        track("Survey Question Answered", "ann", NOON + 2 * M, survey="mood", score="fine"),
    ]
    assert values_of(sent, "nps", "nps_recency") == [(9, True), (59 * M, True)]
    assert values_of(sent, "ces", "ces_recency") == [(7, True), (H, True)]
    assert values_of(sent, "csat", "csat_recency") == [(-1, False), (H, False)]
    assert values_of(sent, "surveys_total", "surveys_recency") == [(4, True), (58 * M, True)]


def test_of_two_answers_at_one_time_the_greater_hash_holds() -> None:
    """XXH3-64 of `a` is greater than that of `c`, and that than that of `b` (see test_churn_lives)."""
    for order in ("abc", "bca", "cab"):
        sent = [answer("csat", "abc".index(name) + 1, NOON, name) for name in order]
        assert values_of(sent, "csat") == [(1, True)]


def test_an_unanswered_survey_decides_nothing() -> None:
    """Neither `nps < 7` nor its contrary; an answer of 0 does."""
    text = rules("{key: critic, enter: nps < 7}", "{key: other, enter: not nps < 7}")
    assert brief(live(text, [page("ann", NOON)], NOON + D)) == []
    sent = [page("ann", NOON), answer("nps", 0, NOON + M)]
    assert brief(live(text, sent, NOON + D)) == [(NOON + M + S, "entered", "critic")]


def test_the_age_of_an_answer() -> None:
    """Somebody never asked was not asked for at least as long as she is known."""
    text = rules("{key: ask, enter: nps_recency >= 90d}")
    sent = [page("ann", NOON), page("bob", NOON), answer("nps", 5, NOON + H)]
    assert brief(live(text, sent, NOON + 100 * D), "customer") == [
        (NOON + 90 * D, "entered", "ask", "bob"),
        (NOON + H + 90 * D, "entered", "ask", "ann"),
    ]


def test_the_latest_word_on_a_ticket_holds() -> None:
    """Opened at noon, closed at +2 min, told the other way round; opened again at +3 min."""
    sent = [closed("t", NOON + 2 * M), opened("t", NOON)]
    assert values_of(sent, "open_tickets", "ticket_age") == [(0, True), (0, True)]
    again = [*sent, track("Ticket Reopened", "ann", NOON + 3 * M, ticket_id="t")]
    assert values_of(again, "open_tickets", "ticket_age") == [(1, True), (57 * M, True)]


def test_the_oldest_open_ticket_has_the_age() -> None:
    """By the latest word on each: a second opening makes it younger. 7 and `7` are one, no id is one, too."""
    sent = [opened("7", NOON), opened("b", NOON + M), opened(7, NOON + 2 * M), opened(None, NOON + 3 * M)]
    assert values_of(sent, "open_tickets", "ticket_age") == [(3, True), (59 * M, True)]
    done = [*sent, track("Ticket Resolved", "ann", NOON + 4 * M, ticket_id="b")]
    assert values_of(done, "open_tickets", "ticket_age") == [(2, True), (58 * M, True)]
    text = rules("{key: waiting, enter: open_tickets > 0 and ticket_age > 1h}")
    assert brief(live(text, done, NOON + D)) == [(NOON + H + 2 * M + S, "entered", "waiting")]


def test_of_two_words_at_one_time_the_greater_hash_holds() -> None:
    """`a` over `c` over `b`, in any order; a word of the same rank on another ticket is another word."""
    for order in ("ab", "ba"):
        sent = [opened("t", NOON, name) if name == "a" else closed("t", NOON, name) for name in order]
        assert values_of(sent, "open_tickets") == [(1, True)]
        sent = [closed("t", NOON, name) if name == "a" else opened("t", NOON, name) for name in order]
        assert values_of(sent, "open_tickets") == [(0, True)]


def test_of_seventeen_tickets_the_oldest_is_forgotten() -> None:
    """Sixteen are remembered; the seventeenth drives the one of noon out, whose closing is then a new one.

    That one is closed, so it goes first of all: nothing changes.
    """
    sixteen = [opened(n, NOON + n * S) for n in range(16)]
    assert values_of(sixteen, "open_tickets", "ticket_age") == [(16, True), (H, True)]
    seventeen = [*sixteen, opened(16, NOON + 16 * S)]
    assert values_of(seventeen, "open_tickets", "ticket_age") == [(16, True), (H - S, True)]
    assert values_of([*seventeen, closed(0, NOON + M)], "open_tickets") == [(16, True)]
    assert values_of([*sixteen, closed(0, NOON + M)], "open_tickets") == [(15, True)]


def test_closed_tickets_are_forgotten_before_open_ones() -> None:
    """The closed one is the latest of all, and still goes; then there is room for none but the oldest.

    An opening of noon that comes after sixteen later ones is forgotten at once.
    """
    sixteen = [opened(n, NOON + n * S) for n in range(1, 17)]
    late = [*sixteen, closed(9, NOON + M), opened(17, NOON + 2 * M), closed(9, NOON)]
    assert values_of(late, "open_tickets", "ticket_age") == [(16, True), (H - S, True)]
    assert values_of([*late, opened(9, NOON + 3 * M)], "ticket_age") == [(H - 2 * S, True)]
    assert values_of([*sixteen, opened(0, NOON)], "open_tickets", "ticket_age") == [
        (16, True),
        (H - S, True),
    ]


def test_of_tickets_of_one_time_the_one_with_the_least_hash_is_forgotten() -> None:
    """All opened at noon; closing the forgotten one closes none, closing another does."""
    ids = [str(n) for n in range(17)]
    least = min(ids, key=lambda one: xxh3_64_intdigest(one.encode()))
    other = next(one for one in ids if one != least)
    sent = [opened(one, NOON) for one in ids]
    assert values_of([*sent, closed(least, NOON + M)], "open_tickets") == [(16, True)]
    assert values_of([*sent, closed(other, NOON + M)], "open_tickets") == [(15, True)]
