"""Raise the versions of what was changed, in the text of a rules file: all else stays as it is written."""

from collections.abc import Iterator

import yaml
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from streamproc.rules.model import Ruleset
from streamproc.rules.versions import changed_items


def raise_versions(text: str, old: Ruleset, new: Ruleset) -> tuple[str, list[str]]:
    """The text with the versions that `old` and what was changed ask for; and what was raised, in words.

    text: of the file that `new` was read from.
    """
    wanted = {(kind, item.key): version for kind, item, _, version in changed_items(old, new)}
    edits = [
        (node.start_mark.index, node.end_mark.index, wanted[place])
        for place, node in _version_nodes(text)
        if place in wanted
    ]
    for start, end, version in sorted(edits, reverse=True):
        text = f"{text[:start]}{version}{text[end:]}"
    return text, [f"{kind} {key}: version {version}" for (kind, key), version in wanted.items()]


def _version_nodes(text: str) -> Iterator[tuple[tuple[str, str], ScalarNode]]:
    """The version of each segment, campaign and funnel, by kind and key."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, MappingNode)
    for name, items in root.value:
        if name.value not in ("segments", "campaigns", "funnels") or not isinstance(items, SequenceNode):
            continue
        for item in items.value:
            fields = {key.value: value for key, value in item.value}
            version = fields.get("version")
            if isinstance(version, ScalarNode):
                yield (name.value.removesuffix("s"), fields["key"].value), version
