"""Windows and ages of the reference against a second look at the plain list of what was applied."""

from collections import Counter, defaultdict

from hypothesis import given, settings

from tests.reference.campaigns_outcomes import OUTCOMES
from tests.reference.meanings import TALLIES, Meaning
from tests.reference.merge import Applied, apply_order
from tests.reference.model import Reference
from tests.reference.partition import partition_of
from tests.reference.rules import Rules, read_rules
from tests.reference.strategies import MONTHS, Scenario, scenarios
from tests.unit.reference.life import D, H, M

OF_OUTCOMES = {
    ("Action Delivered", "email"): "emails",
    ("Action Opened", "email"): "email_opens",
    ("Action Clicked", "email"): "email_clicks",
    ("Action Delivered", "push"): "pushes",
    ("Action Opened", "push"): "push_taps",
    ("Action Clicked", "push"): "push_taps",
}
SPANS = {"1h": (5 * M, 12), "24h": (H, 24), "7d": (D, 7), "30d": (D, 30), "90d": (D, 90)}


def applied_to(scenario: Scenario, rules: Rules) -> dict[str, list[Applied]]:
    """By customer: everything but what is too late, and repeats."""
    kept: dict[str, list[Applied]] = defaultdict(list)
    for shard in range(scenario.partitions):
        for one in apply_order(scenario.logs, shard, scenario.wall_now_ms, rules, []):
            name, event = one.event.customer, one.event
            known = [past for past in kept[name][-256:] if past.event.message_id == event.message_id]
            repeated = any(past.at_ms > one.at_ms - D for past in known)
            if event.ts_ms // D >= one.at_ms // D - 89 and not repeated:
                assert partition_of(name, scenario.partitions) == shard
                kept[name].append(one)
    return {name: events for name, events in kept.items() if events}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(scenarios(MONTHS))
def test_order_free_features_follow_from_the_events_alone(scenario: Scenario) -> None:
    """Counts, active days, tenure and recencies do not depend on how the panes came about."""
    rules = read_rules(scenario.rules_yaml)
    reference = Reference(scenario.rules_yaml, scenario.model_json, scenario.partitions)
    result = reference.run(scenario.logs, scenario.wall_now_ms, scenario.until_ms)
    everything = applied_to(scenario, rules)
    assert everything.keys() == result.features.keys()
    for name, events in everything.items():
        now_ms = result.as_of_ms[partition_of(name, scenario.partitions)]
        features = result.features[name]
        first_ms = min(one.event.ts_ms for one in events)
        said = [one for one in events if one.event.type != "identify"]
        counted = [one for one in said if one.event.name not in OUTCOMES]
        active = [one for one in counted if is_activity(one, rules.meaning(one.event.name))]
        orders = [one for one in counted if rules.meaning(one.event.name).order]
        days = {one.event.ts_ms // D for one in active}
        assert features["tenure"] == (now_ms - first_ms, True)
        last_ms = max((one.event.ts_ms for one in active), default=None)
        assert features["recency"] == (
            now_ms - (first_ms if last_ms is None else last_ms),
            last_ms is not None,
        )
        assert features["events_total"] == (len(counted), True)
        assert features["active_days_total"] == (len(days), True)
        tallied = {tally: [one for one in said if counts_as(one, tally, rules)] for tally in TALLIES}
        for tally, ones in tallied.items():
            assert features[f"{tally}_total"] == (len(ones), True)
            assert features[f"{tally}_recency"] == age(ones, first_ms, now_ms)
        assert features["order_recency"] == age(orders, first_ms, now_ms)
        hours = Counter(one.event.ts_ms % D // H for one in active)
        best = min(hours, key=lambda hour: (-hours[hour], hour), default=-1)
        assert features["best_hour"] == (best, bool(hours))
        for span, (width, count) in SPANS.items():
            first_pane = now_ms // width - count + 1
            exact = first_ms <= first_pane * width
            days_only = tallied if width == D else {}
            for feature, ones in {"events": counted, "orders": orders, **days_only}.items():
                inside = sum(one.event.ts_ms // width >= first_pane for one in ones)
                assert features[f"{feature}_{span}"] == (inside, exact), feature
            if width == D:
                assert features[f"active_days_{span}"] == (sum(day >= first_pane for day in days), exact)


def is_activity(one: Applied, meaning: Meaning) -> bool:
    """As declared, else by the channel."""
    return meaning.activity if meaning.activity is not None else (meaning.channel or one.channel) != "support"


def counts_as(one: Applied, tally: str, rules: Rules) -> bool:
    """By its name, or by its valence; an outcome by its name and channel."""
    if one.event.name in OUTCOMES:
        return tally == OF_OUTCOMES.get((one.event.name or "", one.event.properties["channel"]))
    meaning = rules.meaning(one.event.name)
    return tally in (meaning.counts, {"negative": "negatives", "positive": "positives"}.get(meaning.valence))


def age(ones: list[Applied], first_ms: int, now_ms: int) -> tuple[int, bool]:
    """Time since the last of them, else at least since the customer was first seen."""
    return now_ms - max((one.event.ts_ms for one in ones), default=first_ms), bool(ones)
