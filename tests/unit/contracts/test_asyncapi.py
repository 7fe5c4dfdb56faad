"""The AsyncAPI document.

asyncapi-3.0.0.json.gz is schemas/3.0.0-without-$id.json of the npm package @asyncapi/specs 6.11.1, unchanged
(Apache-2.0, the AsyncAPI Initiative).
"""

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from streamproc.contracts.export import TOPICS, documents

HERE = Path(__file__).parent


@pytest.fixture(name="document", scope="module")
def _document() -> Any:
    return yaml.safe_load(documents()["asyncapi.yaml"])


def test_it_fits_the_official_schema(document: Any) -> None:
    """Of AsyncAPI 3.0.0 and the Kafka bindings 0.5.0."""
    schema = json.loads(gzip.decompress((HERE / "asyncapi-3.0.0.json.gz").read_bytes()))
    jsonschema.Draft7Validator(schema).validate(document)


def test_every_topic_is_a_channel_with_its_message(document: Any) -> None:
    """And its operation, seen from streamproc."""
    channels = {channel["address"]: channel for channel in document["channels"].values()}
    assert set(channels) == set(TOPICS)
    actions = {
        operation["channel"]["$ref"]: operation["action"] for operation in document["operations"].values()
    }
    for name, channel in document["channels"].items():
        incoming = channel["address"] in {"events.web", "events.app", "events.support", "actions.outcomes"}
        assert actions[f"#/channels/{name}"] == ("receive" if incoming else "send")


def test_every_reference_leads_somewhere(document: Any) -> None:
    """Inside the document, or to a schema beside it."""
    for reference in _references(document):
        if reference.startswith("./"):
            assert reference.removeprefix("./") in documents()
            continue
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_examples_fit_the_headers_they_are_said_to_have(document: Any) -> None:
    """The official schema does not look into them."""
    for message in document["components"]["messages"].values():
        for example in message["examples"]:
            if "headers" in message:
                assert set(example["headers"]) == set(message["headers"]["required"])


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if "$ref" in node else []
    return own + [found for item in node.values() for found in _references(item)]
