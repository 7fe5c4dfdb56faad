"""Lives of a few customers around a change of the clocks, with few events, that reach deep into campaigns."""

from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.reference.campaigns import CHANNELS
from tests.reference.campaigns_facts import Controls
from tests.reference.campaigns_files import PLACES, TWO_MONTHS, ZONES, Scale, campaign_rules
from tests.reference.campaigns_outcomes import DELIVERED, OUTCOMES, UNSUBSCRIBED
from tests.reference.compose import call, to_logs
from tests.reference.expression import parse_duration
from tests.reference.partition import partition_of
from tests.reference.record import OUTCOMES_TOPIC
from tests.reference.strategies import MODELS, TOPICS, Scenario, Sent

SECOND_MS, HOUR_MS = 1000, 3_600_000
WEB, APP, SUPPORT = TOPICS
#: So many that every arm has some.
NAMES = ("ann", "bob", "cleo", "dan", "eve", "fay", "gus", "hal", "ida", "anon:jo", "kim", "lea")
Deed = tuple[str, str, dict[str, Any]]  # topic, type, fields


@dataclass(frozen=True, slots=True)
class Campaigning:
    """A scenario, and what operators said of its campaigns: (from, to, mode) of each."""

    scenario: Scenario
    controls: Controls


def tracked(topic: str, event: str, **properties: Any) -> Deed:
    return topic, "track", {"event": event, "properties": properties}


def identified(**traits: Any) -> Deed:
    return WEB, "identify", {"traits": traits}


def reported(name: str, channel: str, action_id: str | None) -> Deed:
    """What became of a message: one of ours, or of somebody else's."""
    known = {} if action_id is None else {"action_id": action_id}
    return tracked(OUTCOMES_TOPIC, name, channel=channel, **known)


VISIT: Deed = (WEB, "page", {"name": "Home"})
PLAIN_DEEDS = (
    *(VISIT, VISIT, (APP, "screen", {"name": "Player"})),
    tracked(WEB, "Product Added", quantity=1, price=10),
    tracked(WEB, "Product Added", quantity=1, price=10),
    tracked(WEB, "Order Completed", revenue=10),
    *(tracked(WEB, "Signed Up"), tracked(WEB, "Onboarding Completed")),
    *(tracked(SUPPORT, "Ticket Opened", ticket_id=1), tracked(SUPPORT, "Ticket Closed", ticket_id=1)),
    tracked(SUPPORT, "Ticket Opened", ticket_id=2),
    *(tracked(SUPPORT, "Survey Question Answered", survey="nps", score=score) for score in (3, 9)),
    tracked(SUPPORT, "Survey Question Answered", survey="csat", score=1),
    *(tracked(WEB, "Email Unsubscribed"), tracked(WEB, "Email Opened")),
)


def deeds() -> st.SearchStrategy[Deed]:
    """What a customer does, says, or is told."""
    consent = st.dictionaries(st.sampled_from(CHANNELS), st.booleans(), min_size=1, max_size=3)
    known = st.sampled_from((None, None, "an-action"))
    names = st.sampled_from((*OUTCOMES, DELIVERED, UNSUBSCRIBED))
    came_back = st.builds(reported, names, st.sampled_from(CHANNELS[:3]), known)
    zones = st.sampled_from((*ZONES, *ZONES, "UTC", "Mars/Olympus"))
    return st.one_of(
        *(st.sampled_from(PLAIN_DEEDS) for _ in range(5)),
        *(came_back, came_back),
        consent.map(lambda given: identified(consent=given)),
        st.sampled_from((True, False, False, False)).map(lambda value: identified(suppressed=value)),
        zones.map(lambda zone: identified(timezone=zone)),
    )


@st.composite
def lives(draw: st.DrawFn, customer: str, start_ms: int, end_ms: int, scale: Scale) -> list[tuple[int, Sent]]:
    """(when it was sent, what) of one customer: first the consent, then one thing after the other."""
    granted = {channel: draw(st.integers(0, 5)) < 5 for channel in CHANNELS}
    at_ms = start_ms + draw(st.sampled_from(scale.gaps_ms))
    said = [identified(consent=granted), *(draw(deeds()) for _ in range(draw(st.integers(2, 24))))]
    sent = []
    for n, (topic, kind, fields) in enumerate(said):
        happened_ms = at_ms - draw(st.sampled_from(scale.lateness_ms))
        message_id = "again" if draw(st.integers(0, 40)) == 40 else f"{customer}-{n}"
        sent.append((at_ms, (topic, call(kind, customer, happened_ms, message_id, **fields))))
        at_ms += draw(st.sampled_from(scale.gaps_ms))
        if at_ms > end_ms:
            break
    return sent


@st.composite
def spells(draw: st.DrawFn, instants: list[int], scale: Scale) -> tuple[int, int, str]:
    """(from, to, mode) of what an operator said, shortly before or after something happened."""
    begin_ms = draw(st.sampled_from(instants)) + parse_duration(draw(st.sampled_from(("0s", *scale.waits))))
    mode = draw(st.sampled_from(("paused", "paused", "dry")))
    return begin_ms, begin_ms + parse_duration(draw(st.sampled_from(scale.pauses))), mode


def looked_at(customer: str, at_ms: int) -> tuple[int, Sent]:
    """Something that means nothing, but has the customer evaluated at an instant.

    After a pause, campaigns look again within five minutes; who has to say exactly when has to know of each evaluation.
    """
    topic, kind, fields = reported("Action Delivered", "in_app", "an-action")
    return at_ms - 1, (topic, call(kind, customer, at_ms - 1, f"look-{at_ms}", **fields))


def keepers(partitions: int) -> list[str]:
    """A customer of each shard, who has nothing to do but to start its clocks."""
    keeper_of = {partition_of(f"clock-{n}", partitions): f"clock-{n}" for n in range(100)}
    return [keeper_of[partition] for partition in range(partitions)]


def clocks(start_ms: int, partitions: int) -> list[Sent]:
    """One event per topic and shard at the start: no clock starts before."""
    said = [tracked(topic, "Clock Started") for topic in TOPICS]
    said.append(reported("Action Delivered", "in_app", "an-action"))
    return [
        (topic, call(kind, keeper, start_ms, f"start-{topic}", **fields))
        for topic, kind, fields in said
        for keeper in keepers(partitions)
    ]


@st.composite
def campaignings(draw: st.DrawFn, scale: Scale = TWO_MONTHS, *, with_controls: bool = False) -> Campaigning:
    """Rules with campaigns, and one to four customers around a change of the clocks."""
    place = draw(st.sampled_from(PLACES))
    start_ms, end_ms = place.pivot_ms - scale.before_ms, place.pivot_ms + scale.after_ms
    partitions = draw(st.sampled_from((1, 1, 2)))
    count = draw(st.integers(1, 4))
    customers = draw(st.lists(st.sampled_from(NAMES), min_size=count, max_size=count, unique=True))
    first_ms = start_ms + draw(st.integers(0, scale.before_ms // SECOND_MS)) * SECOND_MS
    sent = [one for customer in customers for one in draw(lives(customer, first_ms, end_ms, scale))]
    rules_yaml = draw(campaign_rules(place, scale))
    controls: Controls = {}
    if with_controls:
        keys = [campaign["key"] for campaign in yaml.safe_load(rules_yaml)["campaigns"]]
        instants = [at_ms // SECOND_MS * SECOND_MS for at_ms, _ in sent]
        controls = {key: draw(st.lists(spells(instants, scale), max_size=2)) for key in keys}
    ends = sorted({end for of_one in controls.values() for _, end, _ in of_one if end < end_ms})
    sent += [looked_at(customer, at_ms) for customer in (*customers, *keepers(partitions)) for at_ms in ends]
    sent.sort(key=lambda one: one[0])
    scenario = Scenario(
        rules_yaml=rules_yaml,
        model_json=draw(st.sampled_from(MODELS)),
        partitions=partitions,
        logs=to_logs([*clocks(start_ms, partitions), *(one for _, one in sent)], partitions),
        wall_now_ms=end_ms + HOUR_MS,
        until_ms=end_ms,
    )
    return Campaigning(scenario, controls)
