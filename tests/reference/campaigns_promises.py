"""What must hold of every request, whatever journey it is part of: each promise yields how it was broken."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.reference.campaigns_facts import Facts, steps_of
from tests.reference.evaluate import Signal
from tests.reference.expression import TRUE, parse_duration
from tests.reference.partition import partition_of

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def only_with_consent(facts: Facts) -> Iterator[str]:
    """Nothing is requested after an unsubscribe, a bounce or without any consent."""
    for one in facts.requests():
        if not facts.consents(one["customer"], one["action"]["channel"], one["at_ms"]):
            yield told(one)


def nobody_on_the_suppression_list(facts: Facts) -> Iterator[str]:
    for one in facts.requests():
        if facts.is_suppressed(one["customer"], one["at_ms"]):
            yield told(one)


def never_in_quiet_hours(facts: Facts) -> Iterator[str]:
    """By what the customer's clocks show."""
    for one in facts.requests():
        if is_quiet(facts, one["customer"], one["at_ms"], one["at_ms"]):
            yield told(one)


def never_over_a_cap(facts: Facts) -> Iterator[str]:
    for one in facts.requests():
        customer, now_ms, channel = one["customer"], one["at_ms"], one["action"]["channel"]
        today = facts.local(customer, now_ms, now_ms).date()
        for cap in facts.contact.get("caps") or []:
            if cap.get("channel", channel) != channel:
                continue
            counted = sum(
                facts.local(customer, at_ms, now_ms).date() == today
                if cap["per"] == "day"
                else at_ms > now_ms - parse_duration(cap["per"])
                for at_ms, where in facts.contacts(customer, now_ms)
                if cap.get("channel", where) == where
            )
            if counted + 1 > cap["most"]:
                yield f"{counted} before of {cap}: {told(one)}"


def only_in_its_hour(facts: Facts) -> Iterator[str]:
    """Where a step has one; the best hour is the first of those with the most activity."""
    for one in facts.requests():
        at = step_of(facts, one).get("at")
        if at is None:
            continue
        shown = facts.local(one["customer"], one["at_ms"], one["at_ms"])
        if at == "best_hour":
            hours = facts.state(one["customer"], one["at_ms"]).hours
            best = [hour for hour in range(24) if hours.get(hour, 0) == max(hours.values(), default=0)]
            begins_ms = one["at_ms"] // HOUR_MS * HOUR_MS
            while hours and begins_ms // HOUR_MS % 24 != best[0]:
                begins_ms += HOUR_MS
            is_now = not hours or begins_ms <= one["at_ms"]
            is_right = is_now or is_quiet(facts, one["customer"], begins_ms, one["at_ms"])
        else:
            minutes = shown.hour * 60 + shown.minute - int(at[:2]) * 60 - int(at[3:])
            is_right = 0 <= minutes < 60 or minutes < 60 - 24 * 60
        if not is_right:
            yield f"{shown:%H:%M}: {told(one)}"


def never_a_holdout(facts: Facts) -> Iterator[str]:
    """Nobody of a control group is asked; of each of their journeys one signal says so."""
    for one in facts.actions:
        is_held_out = facts.is_held_out(one["customer"], one["key"])
        if one["action"]["holdout"] != is_held_out or (is_held_out and one["kind"] == "requested"):
            yield told(one)
    said = Counter(entry_of(one) for one in facts.actions if one["abort_type"] == "holdout")
    yield from (f"held out twice: {entry}" for entry, times in said.items() if times > 1)


def variants_are_as_drawn(facts: Facts) -> Iterator[str]:
    for one in facts.actions:
        weights = facts.campaigns[one["key"]].get("variants") or {}
        drawn = facts.unit(f"variant/{one['key']}", one["customer"]) * sum(weights.values())
        names = [name for name, weight in weights.items() for _ in range(weight)]
        if one["action"]["variant"] != (names[int(drawn)] if names else None):
            yield told(one)


def budgets_are_kept(facts: Facts) -> Iterator[str]:
    """Each shard keeps its part of a campaign's requests of a UTC day, those of the control group counted."""
    partitions = facts.scenario.partitions
    spent = Counter(
        (one["key"], partition_of(one["customer"], partitions), one["at_ms"] // DAY_MS)
        for one in facts.actions
        if one["kind"] == "requested" or one["abort_type"] == "holdout"
    )
    for (key, shard, day), requests in spent.items():
        budget = facts.campaigns[key].get("budget")
        if budget is not None and requests > len(range(shard, budget, partitions)):
            yield f"{requests} of {key} in shard {shard} on day {day}, of {budget}"


def offers_wait_for_answers(facts: Facts) -> Iterator[str]:
    """Nobody with a complaint gets an offer."""
    complaint = facts.contact.get("complaint", "open_tickets > 0")
    for one in facts.requests():
        if "offer" in step_of(facts, one) and facts.truth(one["customer"], complaint, one["at_ms"]) == TRUE:
            yield told(one)


def pauses_are_kept(facts: Facts) -> Iterator[str]:
    """Nothing is requested while a campaign is paused, nothing published that is dry."""
    for one in facts.actions:
        mode = facts.mode(one["key"], one["at_ms"])
        if mode == "dry" or (mode == "paused" and one["kind"] == "requested"):
            yield told(one)


def is_quiet(facts: Facts, customer: str, shown_ms: int, at_ms: int) -> bool:
    """Whether it is at `shown_ms`, by what was known of the customer at `at_ms`."""
    if "quiet_hours" not in facts.contact:
        return False
    begin, end = facts.contact["quiet_hours"].split("-")
    shown = f"{facts.local(customer, shown_ms, at_ms):%H:%M}"
    return bool(begin <= shown < end if begin < end else not end <= shown < begin)


def told(one: Signal) -> str:
    """A signal in a line."""
    step = one["action"]["step"]
    what = one["abort_type"] or one["action"].get("outcome") or one["action"]["channel"]
    return f"{one['at_ms']} {'/'.join(map(str, entry_of(one)))}/{step} {one['kind']} {what}"


def entry_of(one: Signal) -> tuple[str, str, int]:
    return one["customer"], one["key"], one["action"]["entry"]


def step_of(facts: Facts, one: Signal) -> dict[Any, Any]:
    """The step of a signal, as the rules file says it."""
    ladder = steps_of(facts.campaigns[one["key"]])
    return ladder[one["action"]["step"] - 1]
