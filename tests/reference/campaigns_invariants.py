"""What must hold of every run with campaigns: each promise a function that yields how it was broken."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

from tests.reference.campaigns_facts import (
    Facts,
    attribution_ms,
    is_refused_inside,
    steps_of,
    trigger_of,
    wait_ms,
)
from tests.reference.campaigns_promises import (
    budgets_are_kept,
    entry_of,
    never_a_holdout,
    never_in_quiet_hours,
    never_over_a_cap,
    nobody_on_the_suppression_list,
    offers_wait_for_answers,
    only_in_its_hour,
    only_with_consent,
    pauses_are_kept,
    told,
    variants_are_as_drawn,
)
from tests.reference.evaluate import Signal
from tests.reference.expression import FALSE, parse_duration

LEVELS = {None: -1, "low": 0, "medium": 1, "high": 2, "critical": 3}
#: The refusals after which no step comes.
CLOSING = ("goal_reached", "no_longer", "suppressed", "outranked")
#: The watches that ask nothing but an expression.
WATCHED = {
    "inactive": "recency > {0}",
    "cart": "cart_idle > {1}",
    "funnel": "funnel_{0}_idle > {2}",
    "ticket": "ticket_age > {1}",
}

Promise = Callable[[Facts], Iterator[str]]


def broken(facts: Facts) -> list[str]:
    """Every promise that a run broke, with the signal that shows it."""
    return [f"{name}: {how}" for name, promise in PROMISES.items() for how in promise(facts)]


def never_twice(facts: Facts) -> Iterator[str]:
    """An action is requested once, no two have one id, and nobody is asked twice at one instant."""
    actions = Counter(one["action"]["action_id"] for one in facts.requests())
    steps = Counter((*entry_of(one), one["action"]["step"]) for one in facts.requests())
    instants = Counter((one["customer"], one["at_ms"]) for one in facts.requests())
    yield from (
        str(what) for what, times in [*actions.items(), *steps.items(), *instants.items()] if times > 1
    )


def never_after_the_goal(facts: Facts) -> Iterator[str]:
    """Not after a conversion, nor after what the campaign is for happened without a request."""
    for entry, signals in by_entry(facts).items():
        customer, key, number = entry
        campaign = facts.campaigns[key]
        requests = [one for one in signals if one["kind"] == "requested"]
        for one in requests:
            first_ms = requests[0]["at_ms"]
            since_ms = facts.entered_ms(customer, key, number) if one is requests[0] else first_ms
            goals = facts.goals(customer, campaign.get("goal", "activity"), one["at_ms"])
            if since_ms is not None and any(goal_ms > since_ms for goal_ms in goals):
                yield told(one)
            if campaign.get("goal") != "none" and one["at_ms"] >= first_ms + attribution_ms(campaign):
                yield f"after the window: {told(one)}"


def outcomes_are_true(facts: Facts) -> Iterator[str]:
    """A journey converts by what happened in its window; it ends without at its very end only if nothing did."""
    for entry, signals in by_entry(facts).items():
        requests = [one for one in signals if one["kind"] == "requested"]
        for one in signals:
            if one["kind"] != "ended" or not requests or facts.is_ever_dry(one["key"]):
                continue
            campaign, first_ms = facts.campaigns[one["key"]], requests[0]["at_ms"]
            end_ms = first_ms + attribution_ms(campaign)
            goals = facts.goals(entry[0], campaign.get("goal", "activity"), one["at_ms"])
            in_time = [goal_ms for goal_ms in goals if first_ms < goal_ms <= end_ms]
            expected = {
                "converted": bool(in_time) and one["action"]["converted_ms"] == max(in_time),
                "not_converted": not in_time and one["at_ms"] == end_ms,
                "superseded": not in_time and one["at_ms"] < end_ms,
                "done": campaign.get("goal") == "none",
            }
            told_of = (one["action"]["requests"], one["action"]["first_requested_ms"])
            if not expected[one["action"]["outcome"]] or told_of != (len(requests), first_ms):
                yield told(one)


def every_entry_ends_once(facts: Facts) -> Iterator[str]:
    """In a Suppressed that closes it or in an Ended, after which nothing comes; in time, if the run was that long."""
    entries = by_entry(facts)
    for entry, signals in entries.items():
        closing = [one for one in signals if one["action"]["closes"]]
        is_ended = [one for one in signals if one["kind"] == "ended"]
        if len(closing) > 1 or (closing and closing[0] is not signals[-1]):
            yield f"{entry}: {[told(one) for one in signals]}"
        elif is_ended != [one for one in closing if any_request(signals)] and not facts.is_ever_dry(entry[1]):
            yield f"{entry} ends as if it had been otherwise: {[told(one) for one in signals]}"
    for customer in {one["customer"] for one in facts.signals}:
        for key, campaign in facts.campaigns.items():
            for number, entered_ms in enumerate(facts.entries(customer, key) or [], start=1):
                signals = entries.get((customer, key, number), [])
                is_over = any(one["action"]["closes"] for one in signals)
                if not is_over and entered_ms + longest_ms(campaign) < facts.scenario.until_ms:
                    yield f"{(customer, key, number)} of {entered_ms} never ends"


def numbers_count_on(facts: Facts) -> Iterator[str]:
    """The entries of a customer into a campaign are numbered from 1, in their order."""
    first: dict[tuple[str, str], list[int]] = defaultdict(list)
    for customer, key, number in by_entry(facts):
        first[customer, key].append(number)
    for who, numbers in first.items():
        entered = facts.entries(*who)
        if min(numbers) < 1 or (entered is not None and max(numbers) > len(entered)):
            yield f"{who}: {numbers}"


def only_while_it_holds(facts: Facts) -> Iterator[str]:
    """What led into the campaign is still so when a step is requested."""
    for one in facts.requests():
        trigger = trigger_of(facts.campaigns[one["key"]])
        kind, *target = trigger.split()
        if kind in ("enter", "exit"):
            moves = [s["kind"] for s in before(facts, one) if s["key"] == target[0] and s["entry_seq"]]
            holds = moves[-1:] == ["entered" if kind == "enter" else "exited"]
        elif kind == "band":
            bands = [s["key"] for s in before(facts, one) if s["kind"] == "churn"]
            holds = "both" in target or LEVELS[bands[-1]] >= LEVELS[target[0]]
        elif kind == "answer":
            holds = True
        else:
            text = trigger.removeprefix("becomes") if kind == "becomes" else WATCHED[kind].format(*target, "")
            text = "open_tickets > 0" if trigger == "ticket open" else text
            holds = facts.truth(one["customer"], text, one["at_ms"]) != FALSE
        if not holds:
            yield told(one)


def ladders_are_climbed(facts: Facts) -> Iterator[str]:
    """One step after the other, each at least its wait after the one before, and none after the last refusal."""
    for entry, signals in by_entry(facts).items():
        ladder = steps_of(facts.campaigns[entry[1]])
        decided = [one for one in signals if one["kind"] != "ended" and not is_refused_inside(one)]
        for last, one in pairwise(decided):
            if last["abort_type"] in CLOSING:
                yield f"after {last['abort_type']}: {told(one)}"
            waits = [wait_ms(step) for step in ladder[last["action"]["step"] : one["action"]["step"]]]
            if one["action"]["step"] <= last["action"]["step"]:
                yield f"{told(last)}, then {told(one)}"
            elif one["abort_type"] != "expired" and one["at_ms"] < last["at_ms"] + sum(waits):
                yield f"too early: {told(one)}"
        entered_ms = facts.entered_ms(*entry)
        for one in decided[:1]:
            is_refused = one["action"]["closes"] and one["at_ms"] == entered_ms
            if entered_ms is not None and not is_refused and one["at_ms"] < entered_ms + wait_ms(ladder[0]):
                yield f"too early: {told(one)}"


def reentry_is_kept(facts: Facts) -> Iterator[str]:
    """Never again, or not before so long after the last request."""
    last: dict[tuple[str, str], Signal] = {}
    for one in facts.requests():
        before_it = last.get((one["customer"], one["key"]))
        last[one["customer"], one["key"]] = one
        if before_it is None or entry_of(before_it) == entry_of(one):
            continue
        reentry = facts.campaigns[one["key"]]["reentry"]
        after_ms = parse_duration(reentry.removeprefix("after ")) if reentry.startswith("after") else 0
        if reentry == "never" or one["at_ms"] < before_it["at_ms"] + after_ms:
            yield told(one)


def the_greater_priority_goes_first(facts: Facts) -> Iterator[str]:
    """Who is outranked, is so by one that counts more, or as much and comes first; and not by a dry one."""
    order = list(facts.campaigns)
    for one in facts.actions:
        other = one["action"]["outranked_by"]
        if (other is None) != (one["abort_type"] != "outranked"):
            yield told(one)
        if other is not None:
            mine, its = (
                (facts.campaigns[key].get("priority", 0), -order.index(key)) for key in (one["key"], other)
            )
            if mine >= its or facts.mode(other, one["at_ms"]) != "live":
                yield told(one)


def requests_say_how_long_they_are_valid(facts: Facts) -> Iterator[str]:
    for one in facts.requests():
        expected = one["at_ms"] + parse_duration(facts.campaigns[one["key"]]["expires_after"])
        if one["action"]["expires_ms"] != expected:
            yield told(one)


def by_entry(facts: Facts) -> dict[tuple[str, str, int], list[Signal]]:
    """The actions of each entry in the order in which they were published."""
    found: dict[tuple[str, str, int], list[Signal]] = defaultdict(list)
    for one in facts.actions:
        found[entry_of(one)].append(one)
    return found


def any_request(signals: list[Signal]) -> bool:
    """Whether there was a request, or one of a ghost."""
    return any(one["kind"] == "requested" or one["abort_type"] == "holdout" for one in signals)


def before(facts: Facts, one: Signal) -> list[Signal]:
    """What was published of the customer before a signal, in the same evaluation too."""
    return [s for s in facts.signals if s["customer"] == one["customer"] and s["version"] < one["version"]]


def longest_ms(campaign: dict[str, str]) -> int:
    """How long an entry is open at most."""
    ladder = steps_of(campaign)
    expiry_ms = parse_duration(campaign["expires_after"])
    return sum(wait_ms(step) + expiry_ms for step in ladder) + attribution_ms(campaign)


PROMISES: dict[str, Promise] = {
    promise.__name__: promise
    for promise in (
        *(only_with_consent, nobody_on_the_suppression_list, never_in_quiet_hours, never_over_a_cap),
        *(only_in_its_hour, never_twice, never_after_the_goal, outcomes_are_true, never_a_holdout),
        *(variants_are_as_drawn, every_entry_ends_once, numbers_count_on, only_while_it_holds),
        *(budgets_are_kept, offers_wait_for_answers, ladders_are_climbed, reentry_is_kept, pauses_are_kept),
        *(the_greater_priority_goes_first, requests_say_how_long_they_are_valid),
    )
}
