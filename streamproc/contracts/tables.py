"""The parts of docs/events.md and docs/signals.md that follow from the types: tables and samples."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from streamproc.contracts import samples
from streamproc.contracts.asyncapi import HEADERS
from streamproc.contracts.events import FIELDS, OUTCOMES
from streamproc.contracts.export import Schema, json_schema
from streamproc.contracts.failures import REASONS
from streamproc.contracts.meanings import CONSENT_CHANNELS, TALLIES, EventMeaning
from streamproc.contracts.outcomes import effect
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS
from streamproc.errors import StreamprocError

#: The topics of signals; all their values are one shape.
SIGNALS: Final = ("segments.changes", "churn.risk", "actions.reactivation")

#: More choices than these are told elsewhere.
_CHOICES_MAX: Final = 6

_PART: Final = re.compile(r"(<!-- generated: (?P<name>.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(document: str, parts: Mapping[str, Callable[[str], str]] | None = None) -> str:
    """The document with every part between `<!-- generated: NAME -->` and `<!-- end -->` made anew.

    `parts`: what makes them; PARTS if it is not given. Raises StreamprocError for a NAME that it lacks.
    """
    makers = PARTS if parts is None else parts
    return _PART.sub(lambda part: f"{part[1]}\n{_part(part['name'], makers)}\n{part[3]}", document)


def _part(name: str, parts: Mapping[str, Callable[[str], str]]) -> str:
    kind, _, topic = name.partition(" ")
    make = parts.get(kind)
    if make is None:
        raise StreamprocError(f"no generated part is called {kind!r}", fix=f"use one of {', '.join(parts)}")
    return make(topic)


def _event_fields(_: str) -> str:
    rows = (
        (f"`{path.removeprefix('$.')}`", field.required, field.shape, field.meaning)
        for path, field in FIELDS.items()
    )
    return table(("field", "required", "must be", "meaning"), rows)


def _event_names(_: str) -> str:
    rows = (
        (
            f"`{name}`",
            meaning.channel or "the topic's",
            {None: "as the channel", True: "yes", False: "no"}[meaning.activity],
            meaning.valence,
            f"`{meaning.counts}`" if meaning.counts else "",
            _effects(meaning),
        )
        for name, meaning in DEFAULT_MEANINGS.items()
    )
    return table(("event", "channel", "activity", "valence", "counts as", "and"), rows)


def _effects(meaning: EventMeaning) -> str:
    effects: list[str] = []
    if meaning.order:
        effects.append("an order; its money is the first given of `revenue`, `total`, `value`")
    if meaning.cart:
        effects.append(
            "puts `quantity` into the cart" if meaning.cart == "add" else "takes `quantity` out of the cart"
        )
    if meaning.survey:
        effects.append("answers the `survey` with a `score`")
    if meaning.ticket:
        effects.append(f"{meaning.ticket}s the ticket `ticket_id`")
    effects += [
        f"consent to {channel}: {'yes' if granted else 'no'}"
        for channel, granted in (meaning.consent or {}).items()
    ]
    return "; ".join(effects)


def _outcomes(_: str) -> str:
    rows = ((f"`{name}`", *(_said(name, channel) for channel in CONSENT_CHANNELS)) for name in OUTCOMES)
    return table(("event", *CONSENT_CHANNELS), rows)


def _said(outcome: str, channel: str) -> str:
    does = effect(outcome, channel)
    said = [f"counts as `{does.tally}`"] if does.tally else []
    said += ["an answer"] if does.answers else []
    said += ["no consent any more"] if does.withdraws else []
    said += ["a contact, if without `action_id`"] if does.contacts else []
    return "; ".join(said)


def _tallies(_: str) -> str:
    return table(("tally", "counts"), ((f"`{name}`", meaning) for name, meaning in TALLIES.items()))


def _reasons(_: str) -> str:
    rows = ((f"`{reason}`", meaning, fix) for reason, (meaning, fix) in REASONS.items())
    return table(("reason", "meaning", "what to do"), rows)


def _headers(_: str) -> str:
    return table(("header", "value"), ((f"`{name}`", meaning) for name, meaning in HEADERS.items()))


def _signal_fields(topic: str) -> str:
    """The fields of one topic's signals that not all signals have; of all signals, without a topic."""
    common = set.intersection(*(set(_fields(signal)) for signal in SIGNALS))
    if not topic:
        return _fields_table([row for row in _fields(SIGNALS[0]) if row in common])
    return _fields_table([row for row in _fields(topic) if row not in common])


def _failed_fields(_: str) -> str:
    return _fields_table(_fields("events.failed"))


def _fields(topic: str) -> list[tuple[str, str, str]]:
    schema = json_schema(topic)
    return list(_walk(schema, schema["$defs"], ""))


def _fields_table(rows: Iterable[tuple[str, str, str]]) -> str:
    return table(("field", "type", "meaning"), rows)


def _walk(schema: Schema, definitions: dict[str, Schema], prefix: str) -> Iterator[tuple[str, str, str]]:
    """Path, type and description of every field below an object's schema."""
    for name, field in schema.get("properties", {}).items():
        target = _resolve(field, definitions)
        yield f"`{prefix}{name}`", _type(field, definitions), field.get("description", "")
        if "items" in target:
            yield from _walk(_resolve(target["items"], definitions), definitions, f"{prefix}{name}[].")
        else:
            yield from _walk(target, definitions, f"{prefix}{name}.")


def _resolve(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    reference = schema.get("$ref")
    return definitions[reference.removeprefix("#/$defs/")] if reference else schema


def _type(schema: Schema, definitions: dict[str, Schema]) -> str:
    schema = _resolve(schema, definitions)
    if "anyOf" in schema:
        types = dict.fromkeys(_type(option, definitions) for option in schema["anyOf"])
        if "number" in types:
            types.pop("integer", None)
        return " or ".join(types)
    if 1 <= len(schema.get("enum", ())) <= _CHOICES_MAX:
        return " or ".join(json.dumps(value) for value in schema["enum"])
    return "time" if schema.get("format") == "date-time" else str(schema.get("type", "string"))


def _event_samples(topic: str) -> str:
    return "```json\n" + "\n".join(json.dumps(event) for event in samples.EVENTS[topic]) + "\n```"


def _record_samples(topic: str) -> str:
    return "\n\n".join(
        "```\n"
        + f"key      {record.key.decode()}\n"
        + "".join(f"header   {name}: {(value or b'').decode()}\n" for name, value in record.headers)
        + f"```\n```json\n{json.dumps(json.loads(record.value), indent=2)}\n```"
        for record in samples.records()[topic][:1]
    )


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


#: Name to what makes the part; a word after the name is the topic.
PARTS: Final[dict[str, Callable[[str], str]]] = {
    "event-fields": _event_fields,
    "event-names": _event_names,
    "outcomes": _outcomes,
    "tallies": _tallies,
    "reasons": _reasons,
    "headers": _headers,
    "signal-fields": _signal_fields,
    "failed-fields": _failed_fields,
    "event-samples": _event_samples,
    "record-sample": _record_samples,
}
