"""The contracts as documents for others: JSON Schema 2020-12 per topic, and AsyncAPI 3 over all of them.

Everything here follows from the types and is the same on every run; `streamproc schemas` writes the files.
"""

import inspect
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from streamproc.contracts import asyncapi
from streamproc.contracts.events import FIELDS, ID_CHARACTERS_MAX, OUTCOMES, QUANTITY_MAX, Consent, Event
from streamproc.contracts.failed import FailedEvent
from streamproc.contracts.signal_types import ActionSignal, AudienceSignal, ChurnSignal
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS

Schema = dict[str, Any]

_SAY_NOTHING: Final[tuple[tuple[str, Any], ...]] = (("default", None), ("required", []))

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

OUTCOMES_TOPIC: Final = "actions.outcomes"

#: Topic to the type of its values, and what they are.
TOPICS: Final[Mapping[str, tuple[type, str]]] = {
    "events.web": (Event, "What customers do on the web."),
    "events.app": (Event, "What customers do in the app."),
    "events.support": (
        Event,
        "What customers and support say to each other. No activity, unless a rule says so.",
    ),
    OUTCOMES_TOPIC: (
        Event,
        "What became of messages to customers: of those that were asked for, and of others.",
    ),
    "segments.changes": (AudienceSignal, "Customers who entered or left a segment."),
    "churn.risk": (ChurnSignal, "Customers whose churn risk is in another band."),
    "actions.reactivation": (ActionSignal, "Reactivations to be done, or suppressed with the reason."),
    "events.failed": (FailedEvent, "Records that were not accepted as events, each with its reason."),
}


def json_schema(topic: str) -> Schema:
    """The JSON Schema of the values of a topic. Raises KeyError for a topic that TOPICS lacks."""
    type_, description = TOPICS[topic]
    _, components = msgspec.json.schema_components([type_], ref_template="#/$defs/{name}")
    definitions = {name: _tidy(definition) for name, definition in sorted(components.items())}
    root = definitions.pop(type_.__name__)
    if type_ is Event:
        _describe_fields(root, definitions)
        root["allOf"] = _event_constraints() + (_on_outcomes() if topic == OUTCOMES_TOPIC else [])
    elif type_ is not FailedEvent:
        root["oneOf"] = [{"required": ["userId"]}, {"required": ["anonymousId"]}]
    return {
        "$schema": _DIALECT,
        "$id": f"urn:streamproc:{topic}",
        **root,
        "title": topic,
        "description": description,
        "$defs": definitions,
    }


def documents() -> dict[str, str]:
    """File name to text, of every file in schemas/."""
    schemas = {topic: json_schema(topic) for topic in TOPICS}
    files = {
        f"{topic}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for topic, schema in schemas.items()
    }
    return {**files, "asyncapi.yaml": asyncapi.document({topic: text for topic, (_, text) in TOPICS.items()})}


def _tidy(schema: Any) -> Any:
    """Without the defaults and empty lists that say nothing; descriptions on one line."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {name: _tidy(value) for name, value in schema.items() if (name, value) not in _SAY_NOTHING}
    if isinstance(tidy.get("description"), str):
        tidy["description"] = " ".join(inspect.cleandoc(tidy["description"]).split())
    return tidy


def _describe_fields(root: Schema, definitions: dict[str, Schema]) -> None:
    """Add the descriptions of FIELDS, and the fields that are known but not read."""
    for path, field in FIELDS.items():
        *parents, last = path.split(".")[1:]
        owner = root
        for parent in parents:
            reference = next(option for option in owner["properties"][parent]["anyOf"] if "$ref" in option)[
                "$ref"
            ]
            owner = definitions[reference.removeprefix("#/$defs/")]
        owner["properties"][last]["description"] = f"{field.meaning}; {field.shape}"
    for unread in ("name", "context", "integrations"):
        root["properties"][unread] = {"description": "not read"}


def _event_constraints() -> list[Schema]:
    """What ties fields of an event together; the event names are those of the default meanings."""
    orders = [name for name, meaning in DEFAULT_MEANINGS.items() if meaning.order]
    carts = [name for name, meaning in DEFAULT_MEANINGS.items() if meaning.cart]
    return [
        {"anyOf": [_given("userId"), _given("anonymousId")]},
        {"if": _call({"type": {"const": "track"}}), "then": _given("event")},
        _property_of(orders, "currency", {"type": ["string", "null"]}),
        _property_of(carts, "quantity", {"type": ["integer", "null"], "minimum": 1, "maximum": QUANTITY_MAX}),
        _outcome_constraint(),
    ]


def _outcome_constraint() -> Schema:
    """Outcomes say their channel, and perhaps the action."""
    action_id = {"type": ["string", "null"], "minLength": 1, "maxLength": ID_CHARACTERS_MAX}
    properties = {"channel": {"enum": list(Consent.__struct_fields__)}, "action_id": action_id}
    return {
        "if": _call({"type": {"const": "track"}, "event": {"enum": list(OUTCOMES)}}),
        "then": {
            "required": ["properties"],
            "properties": {
                "properties": {"type": "object", "required": ["channel"], "properties": properties}
            },
        },
    }


def _on_outcomes() -> list[Schema]:
    """Nothing else belongs on their topic."""
    return [_call({"type": {"const": "track"}, "event": {"enum": list(OUTCOMES)}})]


def _given(field: str) -> Schema:
    return {"required": [field], "properties": {field: {"type": "string"}}}


def _call(properties: Schema) -> Schema:
    return {"required": list(properties), "properties": properties}


def _property_of(names: list[str], name: str, schema: Schema) -> Schema:
    return {
        "if": _call({"type": {"const": "track"}, "event": {"enum": names}}),
        "then": {"properties": {"properties": {"properties": {name: schema}}}},
    }
