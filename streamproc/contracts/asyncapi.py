"""The AsyncAPI 3.0 document: every topic as a channel, with its message, Kafka key and headers.

https://www.asyncapi.com/docs/reference/specification/v3.0.0 and, for the bindings,
https://github.com/asyncapi/bindings/tree/master/kafka
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import yaml

from streamproc import __version__
from streamproc.contracts import samples

Node = dict[str, Any]

_BINDING: Final = "0.5.0"
_SCHEMA_FORMAT: Final = "application/schema+json;version=draft-2020-12"
_CUSTOMER_KEY: Final = "the customer's id, `userId`, else `anon:` + `anonymousId`; partitioned by murmur2"
_FAILED_KEY: Final = "the key of the source record; without one, the id of the failure"

#: CloudEvents 1.0 attributes of all records out, in Kafka binary mode.
HEADERS: Final[Mapping[str, str]] = {
    "ce_specversion": "always 1.0",
    "ce_id": "the signal's id, the same for every repeat of it; also its `messageId`",
    "ce_source": "/streamproc/ and the topic",
    "ce_type": "what happened, such as io.streamproc.audience.entered",
    "ce_time": "when, in event time",
    "ce_subject": "the customer's id",
    "ce_partitionkey": "the customer's id",
    "ce_sequence": "the signal's version, 20 digits with leading zeros; it rises per customer",
    "ce_causationid": "what led to it: topic/partition/offset of an event, or time/<epoch ms>",
    "content-type": "application/json",
}
#: Those that a failed event has.
FAILED_HEADERS: Final = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_causationid", "content-type")


def document(topics: Mapping[str, str]) -> str:
    """The document in YAML. `topics`: name to description; their schemas lie beside it as <name>.json."""
    content = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "streamproc",
            "version": __version__,
            "description": "Events of customers in; their segments, churn risk and reactivations out. "
            "Topic names may carry a prefix (STREAMPROC_TOPIC_PREFIX).",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_id(topic): _channel(topic, description) for topic, description in topics.items()},
        "operations": {f"{_action(topic)}_{_id(topic)}": _operation(topic) for topic in topics},
        "components": {"messages": {_id(topic): _message(topic, text) for topic, text in topics.items()}},
    }
    text: str = yaml.dump(content, sort_keys=False, allow_unicode=True, width=100)
    return text


def _id(topic: str) -> str:
    return topic.replace(".", "_")


def _is_in(topic: str) -> bool:
    return topic in samples.EVENTS


def _action(topic: str) -> str:
    """What streamproc does with the topic."""
    return "receive" if _is_in(topic) else "send"


def _channel(topic: str, description: str) -> Node:
    return {
        "address": topic,
        "description": description,
        "messages": {"record": {"$ref": f"#/components/messages/{_id(topic)}"}},
        "bindings": {"kafka": {"topic": topic, "partitions": 12, "bindingVersion": _BINDING}},
    }


def _operation(topic: str) -> Node:
    channel = f"#/channels/{_id(topic)}"
    return {
        "action": _action(topic),
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/record"}],
    }


def _message(topic: str, description: str) -> Node:
    key = _FAILED_KEY if topic == "events.failed" else _CUSTOMER_KEY
    node: Node = {
        "title": topic,
        "summary": description,
        "contentType": "application/json",
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": {"$ref": f"./{topic}.json"}},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": _BINDING}},
    }
    if _is_in(topic):
        return {**node, "examples": [{"payload": event} for event in samples.EVENTS[topic]]}
    examples = [
        {
            "headers": {name: (value or b"").decode() for name, value in record.headers},
            "payload": json.loads(record.value),
        }
        for record in samples.records()[topic]
    ]
    return {**node, "headers": _headers(topic), "examples": examples}


def _headers(topic: str) -> Node:
    names = FAILED_HEADERS if topic == "events.failed" else tuple(HEADERS)
    return {
        "type": "object",
        "required": list(names),
        "properties": {name: {"type": "string", "description": HEADERS[name]} for name in names},
    }
