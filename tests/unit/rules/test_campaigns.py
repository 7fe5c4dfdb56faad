"""Campaigns, as they are written and as they are read."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from streamproc.contracts.hashes import text_hash
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.rules.campaign import BEST_HOUR, Campaign, Cap, QuietHours, Step, Trigger
from streamproc.rules.literals import format_duration, format_minute
from streamproc.rules.load import campaign_problems, check_text
from streamproc.rules.model import Ruleset, Segment

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

DEFINITIONS: Mapping[str, Any] = {
    "currency": "EUR",
    "funnels": [{"key": "setup", "version": 1, "steps": ["Signed Up", "Done"], "within": "14d"}],
    "cutoffs": {"rich": {"feature": "money_total", "fixed": "100 EUR"}},
    "segments": [{"key": "dormant", "name": "Dormant", "version": 1, "enter": "recency > 30d"}],
}
BARE: Mapping[str, Any] = {
    "key": "c",
    "name": "C",
    "version": 1,
    "on": "band high",
    "reentry": "never",
    "channel": "email",
    "reason": "because",
    "expires_after": "1d",
}
WHOLE: Mapping[str, Any] = {
    "key": "rescue",
    "name": "Rescue",
    "version": 7,
    "on": "enter dormant",
    "when": "money_total > 50 EUR",
    "reentry": "after 14d",
    "priority": 10,
    "goal": "order",
    "attribution": "14d",
    "holdout": "12.5%",
    "variants": {"short": 1, "long": 3},
    "budget": 500,
    "expires_after": "2d",
    "mode": "dry",
    "steps": [
        {"channel": "preferred", "reason": "one"},
        {"wait": "3d", "channel": ["email", "sms"], "reason": "two", "offer": "gift", "at": "best_hour"},
        {"wait": "1h", "channel": "push", "reason": "three", "offer": None, "at": "09:30"},
    ],
}


def rules(*campaigns: Mapping[str, Any], **more: Any) -> Ruleset:
    """The rules with these campaigns, which may have warnings."""
    text = yaml.safe_dump(
        {**DEFINITIONS, **more, "campaigns": [dict(one) for one in campaigns]}, sort_keys=False
    )
    ruleset, problems = check_text(text, "rules.yaml")
    assert ruleset is not None, "\n".join(map(str, problems))
    return ruleset


def test_all_that_can_be_said_is_read() -> None:
    (campaign,) = rules(WHOLE).campaigns
    assert str(campaign.when) == "money_total > 50 EUR"
    assert campaign == Campaign(
        key="rescue",
        name="Rescue",
        version=7,
        trigger=Trigger("enter", "dormant", "enter dormant"),
        steps=(
            Step(0, CONSENT_CHANNELS, "one", preferred=True),
            Step(3 * DAY_MS, ("email", "sms"), "two", "gift", at_minute=BEST_HOUR),
            Step(HOUR_MS, ("push",), "three", at_minute=570),
        ),
        again_ms=14 * DAY_MS,
        expires_after_ms=2 * DAY_MS,
        attribution_ms=14 * DAY_MS,
        id=text_hash("rescue"),
        when=campaign.when,
        priority=10,
        goal="order",
        holdout=0.125,
        variants=(("short", 1), ("long", 3)),
        budget=500,
        mode="dry",
    )


def test_what_is_not_said_has_its_default() -> None:
    (campaign,) = rules(BARE).campaigns
    assert campaign.steps == (Step(0, ("email",), "because"),)
    assert (campaign.when, campaign.priority, campaign.goal, campaign.mode) == (None, 0, "activity", "live")
    assert (campaign.holdout, campaign.variants, campaign.budget) == (0.0, (), None)
    assert campaign.attribution_ms == 7 * DAY_MS


def test_conversions_count_for_a_week_after_all_waits() -> None:
    waits = [{"wait": wait, "channel": "email", "reason": "r"} for wait in ("1h", "2d", "3d")]
    steps = {key: value for key, value in BARE.items() if key not in ("channel", "reason")}
    (campaign,) = rules({**steps, "steps": waits}).campaigns
    assert campaign.attribution_ms == HOUR_MS + (2 + 3 + 7) * DAY_MS


@pytest.mark.parametrize(
    ("written", "again_ms"),
    [
        ("never", None),
        ("each time", 0),
        ("each   time", 0),
        ("after 14d", 14 * DAY_MS),
        ("after 1h30m", 5_400_000),
    ],
)
def test_reentry(written: str, again_ms: int | None) -> None:
    (campaign,) = rules({**BARE, "reentry": written}).campaigns
    assert campaign.again_ms == again_ms


@pytest.mark.parametrize(
    ("on", "trigger"),
    [
        ("enter dormant", Trigger("enter", "dormant", "enter dormant")),
        ("exit   dormant", Trigger("exit", "dormant", "exit dormant")),
        ("band medium", Trigger("band", "medium", "band medium")),
        ("band critical both", Trigger("band", "critical", "band critical both", both=True, lasts=False)),
    ],
)
def test_triggers_that_need_no_watch(on: str, trigger: Trigger) -> None:
    ruleset = rules({**BARE, "on": on})
    assert ruleset.campaigns[0].trigger == trigger
    assert ruleset.watches == ()


@pytest.mark.parametrize(
    ("on", "enter", "lasts"),
    [
        ("inactive 30d", "recency > 30d", True),
        ("cart abandoned 4h", "cart_idle > 4h", True),
        ("funnel setup abandoned 1d", "funnel_setup_idle > 1d", True),
        ("answer nps", "nps_recency <= 1h", False),
        ("answer csat", "csat_recency <= 1h", False),
        ("answer ces", "ces_recency <= 1h", False),
        ("ticket open", "open_tickets > 0", True),
        ("ticket overdue 2d", "ticket_age > 2d", True),
        ("becomes money_total >= rich and\n recency > 2d", "money_total >= 100 EUR and recency > 2d", True),
    ],
)
def test_watches_are_hidden_segments(on: str, enter: str, lasts: bool) -> None:
    """Of the campaign's name and version; they stand in no list of segments."""
    ruleset = rules({**BARE, "version": 3, "on": on})
    text = " ".join(on.split())
    assert ruleset.campaigns[0].trigger == Trigger("watch", "watch/c", text, lasts=lasts)
    (watch,) = ruleset.watches
    assert watch == Segment(
        key="watch/c",
        name="C",
        description=text,
        version=3,
        enter=watch.enter,
        exit=None,
        min_dwell_ms=0,
        group=None,
        priority=0,
        id=text_hash("watch/c"),
    )
    assert str(watch.enter) == enter
    assert [segment.key for segment in ruleset.segments] == ["dormant"]


def test_what_a_campaign_asks_for_by_a_cutoff_counts_as_its_use() -> None:
    """No warning that nothing uses it; and hysteresis is a matter of segments."""
    text = yaml.safe_dump({**DEFINITIONS, "campaigns": [{**BARE, "when": "money_total > rich.high"}]})
    assert check_text(text, "rules.yaml")[1] == []
    _, (problem,) = check_text(yaml.safe_dump({**DEFINITIONS, "campaigns": [dict(BARE)]}), "rules.yaml")
    assert problem.message == "no rule uses the cut-off `rich`"


def test_problems_of_campaigns_alone() -> None:
    """Those of the contact policy too; not those of segments."""
    text = (
        "contact: {holdout: 1}\nsegments: [{key: a}]\n"
        "campaigns:\n  - {key: c, name: C, version: 1, 'on': band hihg, channel: email, reason: r, "
        "expires_after: 1d, reentry: never}\nfunnels: [{key: b}]\n"
    )
    _, problems = check_text(text, "rules.yaml")
    assert {problem.section for problem in problems} == {"contact", "segments", "campaigns", "funnels"}
    found = campaign_problems(problems)
    assert [problem.line for problem in found] == [1, 4]
    assert found[1].message == "there is no band `hihg`"


def test_watches_and_segments_have_different_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are kept in one table, by 32 bits."""
    monkeypatch.setattr("streamproc.rules.campaigns.text_hash", lambda key: 5)
    text = yaml.safe_dump({**DEFINITIONS, "campaigns": [{**BARE, "on": "ticket open"}]})
    _, problems = check_text(text, "rules.yaml")
    assert [problem.message for problem in problems if problem.severity == "error"] == [
        "what `c` waits for has the same 32-bit id as `dormant`"
    ]


#: What people, and programs, may write anywhere.
ODD: tuple[object, ...] = (
    *(
        None,
        "",
        0,
        -1,
        1.5,
        True,
        [],
        {},
        [None],
        [[]],
        {"a": None},
        "  ",
        "é" * 300,
        "a b c",
        "%",
        "1d",
        "after",
    ),
    *("band", "becomes", "becomes (", "funnel", "09:00", "-", "21:00-", "a-b-c", [1, 2], {1: 2}, "x" * 5000),
)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
def test_odd_values_are_refused_with_a_place(odd: object) -> None:
    """Or they are right; whatever stands there, somebody is told where, and nothing breaks."""
    step = WHOLE["steps"][1]
    files = [
        *({"campaigns": [{**campaign, key: odd}]} for campaign in (BARE, WHOLE) for key in campaign),
        *({"campaigns": [{**WHOLE, "steps": [{**step, key: odd}]}]} for key in step),
        *({"contact": {key: odd}} for key in ("time_zone", "quiet_hours", "caps", "complaint", "holdout")),
        *({"contact": {"caps": [{"most": 1, "per": "day", key: odd}]}} for key in ("most", "per", "channel")),
    ]
    for file in files:
        text = yaml.safe_dump({**DEFINITIONS, **file}, sort_keys=False)
        ruleset, problems = check_text(text, "rules.yaml")
        errors = [problem for problem in problems if problem.severity == "error"]
        assert (ruleset is None) == bool(errors)
        assert all(problem.section in file for problem in errors)
        assert all(0 < problem.line <= text.count("\n") for problem in errors)


durations_ms = st.integers(1, 200 * 24).map(lambda hours: hours * HOUR_MS)
texts = st.text("abc äöü:#'\"%-", min_size=1, max_size=12).filter(lambda text: text.strip())
names = st.text("abcdefgh_0", max_size=8).map(lambda rest: f"a{rest}")
channels = st.one_of(
    st.tuples(st.just(True), st.just(CONSENT_CHANNELS)),
    st.tuples(
        st.just(False),
        st.lists(st.sampled_from(CONSENT_CHANNELS), min_size=1, max_size=5, unique=True).map(tuple),
    ),
)


@st.composite
def steps(draw: st.DrawFn, wait_ms: int) -> Step:
    """Any step after so long."""
    preferred, chosen = draw(channels)
    at_minute = draw(st.none() | st.integers(BEST_HOUR, 24 * 60 - 1))
    return Step(wait_ms, chosen, draw(texts), draw(st.none() | texts), preferred, at_minute)


@st.composite
def campaigns(draw: st.DrawFn, number: int) -> Campaign:
    """Any campaign on a trigger that is no watch."""
    waits_ms = [draw(st.just(0) | durations_ms), *draw(st.lists(durations_ms, max_size=4))]
    kind, target, both = draw(
        st.sampled_from(
            (
                ("enter", "dormant", False),
                ("exit", "dormant", False),
                ("band", "high", False),
                ("band", "low", True),
            )
        )
    )
    target = "medium" if target == "low" else target
    text = f"{kind} {target} both" if both else f"{kind} {target}"
    key = f"{draw(names)}_{number}"
    return Campaign(
        key=key,
        name=draw(texts),
        version=draw(st.integers(1, 99)),
        trigger=Trigger(kind, target, text, both=both, lasts=not both),
        steps=tuple(draw(steps(wait_ms)) for wait_ms in waits_ms),
        again_ms=draw(st.sampled_from((None, 0)) | durations_ms),
        expires_after_ms=draw(durations_ms),
        attribution_ms=sum(waits_ms) + draw(durations_ms),
        id=text_hash(key),
        priority=draw(st.integers(0, 100)),
        goal=draw(st.sampled_from(("activity", "order", "none"))),
        holdout=draw(st.integers(0, 99)) / 100,
        variants=draw(
            st.just(())
            | st.lists(
                st.tuples(names, st.integers(1, 9)), min_size=2, max_size=10, unique_by=lambda one: one[0]
            ).map(tuple)
        ),
        budget=draw(st.none() | st.integers(1, 10_000)),
        mode=draw(st.sampled_from(("live", "dry", "paused"))),
    )


def written_step(step: Step, *, single: bool) -> dict[str, Any]:
    """As a file has it: one channel as a word, what is none left out or empty."""
    channel: object = "preferred" if step.preferred else list(step.channels)
    written: dict[str, Any] = {"channel": channel, "reason": step.reason, "offer": step.offer}
    if step.wait_ms or not single:
        written["wait"] = format_duration(step.wait_ms)
    if step.at_minute is not None:
        written["at"] = "best_hour" if step.at_minute == BEST_HOUR else format_minute(step.at_minute)
    return written


def written(campaign: Campaign) -> dict[str, Any]:
    """The campaign as a file has it; a single step without wait stands in the campaign itself."""
    first, *others = campaign.steps
    single = not others and not first.wait_ms
    again = {None: "never", 0: "each time"}.get(
        campaign.again_ms
    ) or f"after {format_duration(campaign.again_ms or 0)}"
    return {
        "key": campaign.key,
        "name": campaign.name,
        "version": campaign.version,
        "on": campaign.trigger.text,
        "reentry": again,
        "priority": campaign.priority,
        "goal": campaign.goal,
        "attribution": format_duration(campaign.attribution_ms),
        "holdout": f"{round(campaign.holdout * 100)}%",
        "variants": dict(campaign.variants),
        "budget": campaign.budget,
        "expires_after": format_duration(campaign.expires_after_ms),
        "mode": campaign.mode,
        **(
            written_step(first, single=True)
            if single
            else {"steps": [written_step(step, single=False) for step in campaign.steps]}
        ),
    }


@given(st.integers(1, 2).flatmap(lambda n: st.tuples(*(campaigns(number) for number in range(n)))))
def test_every_campaign_reads_back(made: tuple[Campaign, ...]) -> None:
    """What a file can say is said without loss, and nothing valid is refused."""
    listed = [{key: value for key, value in written(one).items() if value != {}} for one in made]
    assert rules(*listed).campaigns == made


@given(
    st.lists(
        st.builds(
            Cap,
            st.integers(1, 64),
            st.none() | st.integers(1, 90 * 24).map(lambda hours: hours * HOUR_MS),
            st.none() | st.sampled_from(CONSENT_CHANNELS),
        ),
        max_size=6,
    ),
    st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda pair: pair[0] != pair[1]),
)
def test_every_contact_policy_reads_back(caps: list[Cap], hours: tuple[int, int]) -> None:
    listed = [
        {
            "most": cap.most,
            "per": "day" if cap.per_ms is None else format_duration(cap.per_ms),
            "channel": cap.channel,
        }
        for cap in caps
    ]
    quiet = "-".join(map(format_minute, hours))
    contact = rules(contact={"caps": listed, "quiet_hours": quiet}).contact
    assert contact.caps == tuple(caps)
    assert contact.quiet_hours == QuietHours(*hours)
