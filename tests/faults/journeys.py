"""What the campaigns of rules.yaml must have said of a customer, whatever happened on the way."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

#: What the cap of rules.yaml lets through on `push`; runs are shorter than its time.
PUSHES_MAX: Final = 2
STEPS: Final = {"welcome": 1, "comeback": 3}

Entry = tuple[str, int]
#: A journey that is open in the state: (number of its entry, requests so far).
Open = tuple[int, int]


def broken(bodies: Sequence[dict[str, Any]], in_state: set[Open], *, consents: bool) -> Iterator[str]:
    """What is wrong with a customer's actions; `bodies`: each once, by rising version."""
    entries: dict[Entry, list[dict[str, Any]]] = defaultdict(list)
    for body in bodies:
        entries[body["properties"]["campaign"], body["properties"]["entry"]].append(body)
    for entry, said in entries.items():
        yield from (f"{entry}: {what}" for what in _broken_entry(said))
    for campaign in STEPS:
        numbers = [number for key, number in entries if key == campaign]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{campaign}: entries {numbers}"
    ids = {body["properties"]["action_id"] for body in bodies}
    steps = {
        (*entry, body["properties"]["step"])
        for entry, said in entries.items()
        for body in said
        if body["properties"]["action_id"] is not None
    }
    if len(ids - {None}) != len(steps):
        yield f"{len(ids)} ids of {len(steps)} steps"
    asked = [body["properties"]["channel"] for body in bodies if _is_request(body)]
    if asked and not consents:
        yield "asked without consent"
    if asked.count("push") > PUSHES_MAX:
        yield f"{asked.count('push')} pushes, with a cap of {PUSHES_MAX}"
    under_way = {
        (number, sum(map(_is_request, said)))
        for (_, number), said in entries.items()
        if not any(body["properties"]["closes"] for body in said)
    }
    if under_way != in_state:
        yield f"journeys (entry, requests) {sorted(under_way)} are open, in the state {sorted(in_state)}"


def _broken_entry(said: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Each step is decided once, in order; and once it is closed, nothing more comes."""
    told = [body["properties"] for body in said]
    closing = [place for place, one in enumerate(told) if one["closes"]]
    if closing and closing != [len(told) - 1]:
        yield f"closed by {closing} of {len(told)}"
    steps = [
        body["properties"]["step"]
        for body in said
        if body["event"] != "Reactivation Ended"
        and body["properties"]["abort_type"] not in ("in_journey", "never_again", "cooldown")
    ]
    if steps != sorted(set(steps)):
        yield f"steps {steps}"


def _is_request(body: dict[str, Any]) -> bool:
    return bool(body["event"] == "Reactivation Requested")
