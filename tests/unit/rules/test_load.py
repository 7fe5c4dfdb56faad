"""Rules files: what they become, and exactly what is said about each kind of mistake."""

from pathlib import Path

import pytest

from streamproc.contracts.meanings import EventMeaning
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS
from streamproc.rules.campaign import Step, Trigger
from streamproc.rules.load import check_ruleset, check_text, load_ruleset
from streamproc.rules.model import BandPolicy, Ruleset
from streamproc.rules.problems import RulesError

MISTAKES = sorted((Path(__file__).parent / "mistakes").glob("*.yaml"))

DAY_MS = 86_400_000

WHOLE = """
currency: EUR
session_gap: 45m
events:
  Order Completed: {value: grand_total}
  Lesson Finished: {valence: positive, duration: length_ms}
  Newsletter Left: {activity: false, consent: {email: false, push: false}}
  Product Added: {cart: ~}
  Heartbeat:
segments:
  - key: big_spender
    name: Big spender
    description: Spends a lot
    version: 3
    group: value
    priority: 7
    enter: 9.50 EUR < money_90d and NOT tenure < 1w
    exit: money_90d <= 5 EUR
    min_dwell: 1d12h
  - {key: quiet, name: Quiet, version: 1, enter: recency > 1d}
churn:
  min_history: 3d
  hysteresis: 0
  bands: {high: .5}
campaigns:
  - key: thanks
    name: Thanks
    version: 2
    on: enter big_spender
    channel: in_app
    reason: Spent a lot
    offer: gift
    expires_after: 2d
    reentry: each time
  - {key: call, name: Call, version: 1, "on": band   critical, channel: phone, reason: At risk, offer: null,
     expires_after: 1h, reentry: after 90d}
"""


def rules(text: str) -> Ruleset:
    ruleset, problems = check_text(text, "rules.yaml")
    assert ruleset is not None, "\n".join(map(str, problems))
    return ruleset


@pytest.mark.parametrize("path", MISTAKES, ids=lambda path: path.stem)
def test_a_mistake_gets_its_message(path: Path) -> None:
    """Place, line with caret, mistake and hint are those in the .txt file, and the file is refused."""
    with pytest.raises(RulesError) as caught:
        load_ruleset(path)
    shown = [str(problem).replace(str(path), path.name) for problem in caught.value.problems]
    assert "\n\n".join(shown) + "\n" == path.with_suffix(".txt").read_text()


def test_every_expected_message_has_its_file() -> None:
    """No .txt is left behind by a renamed .yaml."""
    expected = sorted(path.stem for path in MISTAKES[0].parent.glob("*.txt"))
    assert expected == [path.stem for path in MISTAKES]


def test_a_whole_file_is_read() -> None:
    """Every section arrives in its place, in units of ms and millionths."""
    ruleset = rules(WHOLE)
    assert (ruleset.path, ruleset.currency, ruleset.session_gap_ms) == ("rules.yaml", "EUR", 45 * 60_000)
    spender, quiet = ruleset.segments
    assert str(spender.enter) == "money_90d > 9.5 EUR and not tenure < 7d"
    assert str(spender.exit) == "money_90d <= 5 EUR"
    assert (spender.version, spender.group, spender.priority) == (3, "value", 7)
    assert (spender.name, spender.description, spender.min_dwell_ms) == (
        "Big spender",
        "Spends a lot",
        DAY_MS * 3 // 2,
    )
    assert (quiet.exit, quiet.group, quiet.min_dwell_ms, quiet.description) == (None, None, 0, "")
    assert (spender.line, quiet.line) == (11, 20)
    assert ruleset.churn == BandPolicy((0.3, 0.5, 0.8), 0.0, 3 * DAY_MS)


def test_campaigns_are_read() -> None:
    """Triggers, channel, offer, and times in ms."""
    thanks, call = rules(WHOLE).campaigns
    assert thanks.trigger == Trigger("enter", "big_spender", "enter big_spender")
    assert call.trigger == Trigger("band", "critical", "band critical")
    assert thanks.steps == (Step(0, ("in_app",), "Spent a lot", "gift"),)
    assert call.steps == (Step(0, ("phone",), "At risk"),)
    assert (thanks.expires_after_ms, thanks.again_ms) == (2 * DAY_MS, 0)
    assert (call.version, call.again_ms) == (1, 90 * DAY_MS)


def test_events_are_put_over_the_defaults_field_by_field() -> None:
    """What the file does not say about an event stays as packaged; `~` takes a meaning away."""
    meanings = rules(WHOLE).meanings
    assert meanings.currency == "EUR"
    default = DEFAULT_MEANINGS["Order Completed"]
    assert meanings.names["Order Completed"] == EventMeaning(
        order=True, value="grand_total", valence=default.valence
    )
    assert meanings.names["Product Added"].cart is None
    assert meanings.names["Lesson Finished"] == EventMeaning(valence="positive", duration="length_ms")
    assert meanings.names["Newsletter Left"].consent == {"email": False, "push": False}
    assert meanings.names["Heartbeat"] == EventMeaning()
    assert meanings.names["Unsubscribed"] == DEFAULT_MEANINGS["Unsubscribed"]


@pytest.mark.parametrize("text", ["segments: []", "segments:\ncampaigns:\nevents:\nchurn:\n  bands:\n"])
def test_everything_has_a_default(text: str) -> None:
    """A file with one section is a whole file, and sections may be empty."""
    ruleset = rules(text)
    assert (ruleset.currency, ruleset.session_gap_ms) == ("USD", 30 * 60_000)
    assert ruleset.churn == BandPolicy((0.3, 0.6, 0.8), 0.05, 7 * DAY_MS)
    assert (ruleset.segments, ruleset.campaigns) == ((), ())
    assert ruleset.meanings.names == DEFAULT_MEANINGS


def test_ids_are_stable() -> None:
    """State is kept under these ids: they may never change for a key."""
    ruleset = rules(WHOLE)
    assert [segment.id for segment in ruleset.segments] == [2929618020, 2107752408]
    assert [campaign.id for campaign in ruleset.campaigns] == [1940547863, 3440422624]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    """No such file, a directory, or not UTF-8: said as every other problem."""
    missing = tmp_path / "rules.yaml"
    with pytest.raises(RulesError, match="cannot read the file: No such file or directory") as told:
        load_ruleset(missing)
    assert told.value.message.startswith(f"{missing}: cannot")  # without a line: there is none
    assert "STREAMPROC_RULES" in told.value.fix
    with pytest.raises(RulesError, match="cannot read the file: Is a directory"):
        load_ruleset(tmp_path)
    missing.write_bytes(b"currency: USD\nsegments: [] # caf\xe9\n")
    ruleset, (problem,) = check_ruleset(missing)
    assert ruleset is None
    assert (problem.line, problem.message) == (2, "this is not UTF-8 text")


def test_a_byte_order_mark_does_not_shift_columns(tmp_path: Path) -> None:
    """Files saved by Windows editors begin with one."""
    path = tmp_path / "rules.yaml"
    path.write_bytes(b"\xef\xbb\xbfcurrency: euro\r\nsession_gap: 3\r\n")
    _, problems = check_ruleset(path)
    assert [(problem.line, problem.column) for problem in problems] == [(1, 11), (2, 14)]


def test_nothing_in_a_file_is_executed() -> None:
    """Tags that make Python objects are plain text here."""
    ruleset, problems = check_text("currency: !!python/object/apply:os.system ['true']\n", "rules.yaml")
    assert ruleset is None
    assert problems[0].message == "`currency` must be a currency code such as `USD`, not a list"


def test_a_file_that_is_nested_without_end_is_refused() -> None:
    """Not a crash of the worker."""
    ruleset, (problem,) = check_text("[" * 500, "rules.yaml")
    assert ruleset is None
    assert "nested too deep" in problem.message


def test_an_error_tells_all_problems_and_what_to_do() -> None:
    """The message that a refused start or a refused reload shows."""
    error = RulesError(check_text("currency: euro\nsegmnets: []\n", "rules.yaml")[1])
    assert error.message.startswith("rules.yaml has 2 problems\nrules.yaml:1:11: error: `euro`")
    assert "did you mean `segments`?" in error.message
    assert "streamproc segments lint" in error.fix
