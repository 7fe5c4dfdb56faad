"""What event names mean: the reference's own table against that of the page, and what a file puts over it."""

from pathlib import Path
from typing import Any

from tests.reference.meanings import DEFAULT_MEANINGS, TALLIES, Meaning, read_meanings
from tests.reference.rules import read_rules
from tests.unit.reference.life import DAY0, NOON, SUPPORT, D, H, M, S, brief, live, page, rules, track

PAGE = Path(__file__).parents[3] / "docs" / "events.md"


def rows(name: str) -> list[list[str]]:
    """The cells of a generated table of docs/events.md, without its head."""
    block = PAGE.read_text().split(f"<!-- generated: {name} -->")[1].split("<!-- end -->")[0]
    lines = [line for line in block.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def words(meaning: Meaning) -> str:
    """The last column for a meaning."""
    said = {
        "add": "puts `quantity` into the cart",
        "remove": "takes `quantity` out of the cart",
        "open": "opens the ticket `ticket_id",
        "close": "closes the ticket `ticket_id",
    }
    parts = [said[word] for word in (meaning.cart, meaning.ticket) if word is not None]
    parts += ["an order; its money is the first given of `revenue`, `total`, `value"] if meaning.order else []
    parts += ["answers the `survey` with a `score"] if meaning.survey else []
    parts += ["consent to email: no"] if meaning.consent == {"email": False} else []
    return "; ".join(parts)


def test_the_meanings_are_those_of_the_page() -> None:
    """Every row of the table, and no other name."""
    table = {name: rest for name, *rest in rows("event-names")}
    assert table.keys() == DEFAULT_MEANINGS.keys()
    for name, meaning in read_meanings({}).items():
        activity = {None: "as the channel", False: "no", True: "yes"}[meaning.activity]
        channel = meaning.channel or "the topic's"
        expected = [channel, activity, meaning.valence, meaning.counts or "", words(meaning)]
        assert table[name] == expected, name


def test_the_tallies_are_those_of_the_page() -> None:
    """In its order."""
    assert [name for name, _ in rows("tallies")] == list(TALLIES)


def test_a_file_changes_meanings_field_by_field() -> None:
    """What it does not say stays; null takes away."""
    declared: dict[str, dict[str, Any]] = {
        "Ticket Opened": {"channel": None, "valence": None, "ticket": None},
        "Ticket Closed": {"counts": "surveys"},
        "Own": {"survey": True, "channel": "app"},
    }
    meanings = read_meanings(declared)
    assert meanings["Ticket Opened"] == Meaning(counts="support_contacts")
    assert meanings["Ticket Closed"] == Meaning(channel="support", counts="surveys", ticket="close")
    assert meanings["Own"] == Meaning(channel="app", survey=True)


def test_a_step_of_a_funnel_is_a_known_name() -> None:
    """It means nothing special."""
    text = "funnels:\n  - {key: way, version: 2, steps: [Signed Up, Own], within: 90m}\n" + rules()
    read = read_rules(text)
    assert [read.knows(name) for name in ("Signed Up", "Own", "Signed In", "Other")] == [
        True,
        True,
        True,
        False,
    ]
    assert read.meaning("Own") == Meaning()
    funnel = read.funnels[0]
    assert (funnel.key, funnel.version, funnel.steps) == ("way", 2, ("Signed Up", "Own"))
    assert funnel.within_ms == 90 * M


def test_the_channel_of_the_meaning_comes_before_the_topics() -> None:
    """A ticket opened on the web topic is support, and no activity; an app event there is one of the app."""
    sent = [track("Ticket Opened", "ann", NOON), track("Application Opened", "ann", NOON + 10 * M)]
    features = live(rules(), sent, NOON + H).features["ann"]
    counts = [features[f"{channel}_events_24h"][0] for channel in ("web", "app", "support")]
    assert counts == [0, 1, 1]
    assert features["web_recency"] == (H, False)
    assert features["app_recency"] == (50 * M, True)
    assert features["recency"] == (50 * M, True)
    assert features["sessions_total"] == (1, True)


def test_a_file_can_take_the_channel_away_or_name_another() -> None:
    """Without one the topic decides: then the ticket on the web is activity there."""
    text = "events:\n  Ticket Opened: {channel: ~}\n  Own: {channel: support}\n" + rules()
    sent = [track("Ticket Opened", "ann", NOON), track("Own", "ann", NOON + M)]
    features = live(text, sent, NOON + H).features["ann"]
    assert (features["web_events_24h"][0], features["support_events_24h"][0]) == (1, 1)
    assert features["recency"] == (H, True)
    assert features["support_contacts_total"] == (1, True)
    assert features["open_tickets"] == (1, True)


def test_tallies_count_by_days() -> None:
    """Searches on days 0 and 1; seven days hold day 0 until day 7 begins, and are known from then on."""
    sent = [
        track("Products Searched", "ann", NOON),
        track("Products Searched", "ann", NOON + D),
        page("ann", NOON + D),
    ]
    text = rules("{key: two, enter: searches_7d >= 2}", "{key: few, enter: searches_7d < 2}")
    result = live(text, sent, DAY0 + 8 * D + H)
    assert brief(result) == [
        (NOON + D + S, "entered", "two"),
        (DAY0 + 7 * D, "exited", "two"),
        (DAY0 + 7 * D, "entered", "few"),
    ]
    features = result.features["ann"]
    assert features["searches_7d"] == (0, True)
    assert features["searches_30d"] == (2, False)
    assert features["searches_total"] == (2, True)
    assert features["searches_recency"] == (6 * D + 13 * H, True)
    assert features["shares_recency"] == (7 * D + 13 * H, False)


def test_the_age_of_a_tally_is_that_of_its_latest_event() -> None:
    """Told out of order; the age is reached in silence."""
    sent = [track("Products Searched", "ann", NOON), track("Products Searched", "ann", NOON - H)]
    text = rules("{key: quiet, enter: searches_recency > 1d}")
    assert brief(live(text, sent, NOON + 3 * D)) == [(NOON + D + S, "entered", "quiet")]


def test_a_valence_counts_besides_what_the_event_counts_as() -> None:
    """A refund is negative and a refund; a complaint on support is negative; an order is positive."""
    sent = [
        track("Order Refunded", "ann", NOON),
        (SUPPORT, track("Ticket Reopened", "ann", NOON + S)[1]),
        track("Order Completed", "ann", NOON + 2 * S),
        track("Signed In", "ann", NOON + 3 * S),
    ]
    features = live(rules(), sent, NOON + M).features["ann"]
    totals = [features[f"{tally}_total"][0] for tally in ("refunds", "support_contacts", "negatives")]
    assert totals == [1, 1, 2]
    assert features["positives_total"] == (1, True)
    assert features["negatives_recency"] == (59 * S, True)
