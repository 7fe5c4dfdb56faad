"""The `segments:` of a rules file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from yaml.nodes import Node, ScalarNode

from streamproc.contracts.hashes import text_hash
from streamproc.contracts.signals import RESERVED_AUDIENCE_KEY
from streamproc.rules.document import Document
from streamproc.rules.fields import Fields
from streamproc.rules.model import Segment
from streamproc.rules.parse import Parsed

_KEYS: Final = ("key", "name", "description", "version", "group", "priority", "enter", "exit", "min_dwell")
_REQUIRED: Final = ("key", "name", "version", "enter")

#: Makes the text of an expression a checked tree.
Parse = Callable[[str], Parsed]


@dataclass(frozen=True, slots=True)
class Rule:
    """An expression and where it stands."""

    node: ScalarNode
    parsed: Parsed


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One entry of the list. What is missing or wrong is None; `segment` is None if anything is wrong."""

    fields: Fields
    key: str | None
    group: str | None
    priority: int | None
    enter: Rule | None
    exit: Rule | None
    segment: Segment | None


def read_segments(document: Document, items: Sequence[Node], parse: Parse) -> list[SegmentEntry]:
    """The entries, each checked for itself and against the others."""
    entries = [_read_segment(document, item, parse) for item in items]
    check_keys("segment", [(entry.fields, entry.key) for entry in entries])
    _check_groups(entries)
    return entries


def check_keys(what: str, entries: Sequence[tuple[Fields, str | None]]) -> None:
    """Note keys that are taken, and keys whose 32-bit ids, the hashes of the keys, are equal."""
    taken: dict[int, tuple[Fields, str]] = {}
    for fields, key in entries:
        if key is None:
            continue
        other_fields, other = taken.setdefault(text_hash(key), (fields, key))
        if other_fields is fields:
            continue
        line = other_fields.document.line(other_fields.values["key"])
        if other == key:
            fields.report("key", f"there are two {what}s `{key}`", f"the first is on line {line}")
        else:
            message = f"`{key}` and `{other}` (line {line}) have the same 32-bit id"
            fields.report("key", message, f"rename the newer {what}")


def _read_segment(document: Document, node: Node, parse: Parse) -> SegmentEntry:
    noted = len(document.problems)
    fields = Fields(document, node, "the segment", allowed=_KEYS, required=_REQUIRED)
    key, name, version = fields.key("key"), fields.text("name"), fields.integer("version", 1)
    if key == RESERVED_AUDIENCE_KEY:
        fields.report("key", f"`{key}` is a name that the signals themselves use", "choose another key")
    description = fields.text("description")
    group, priority = fields.key("group"), fields.integer("priority", 0)
    if "priority" in fields and "group" not in fields:
        fields.report("priority", "a `priority` only matters inside a `group`", "add `group:`, or remove it")
    enter, exit_ = (read_rule(fields, key, parse) for key in ("enter", "exit"))
    min_dwell_ms = fields.duration_ms("min_dwell")
    segment = None
    if len(document.problems) == noted and key and name and version and enter and enter.parsed.expr:
        segment = Segment(
            key=key,
            name=name,
            description=description or "",
            version=version,
            enter=enter.parsed.expr,
            exit=exit_.parsed.expr if exit_ else None,
            min_dwell_ms=min_dwell_ms,
            group=group,
            priority=priority or 0,
            id=text_hash(key),
            line=document.line(node),
        )
    return SegmentEntry(fields, key, group, priority, enter, exit_, segment)


def read_rule(fields: Fields, key: str, parse: Parse) -> Rule | None:
    """The expression under `key`, with its mistakes noted; None if there is none."""
    node = fields.scalar(key, "an expression such as `recency > 14d`")
    if node is None:
        return None
    rule = Rule(node, parse(node.value))
    for mistake in rule.parsed.mistakes:
        fields.document.report_inside(node, mistake.offset, mistake.message, mistake.hint)
    return rule


def _check_groups(entries: Sequence[SegmentEntry]) -> None:
    """In a group every member has a priority of its own."""
    groups: dict[str, list[SegmentEntry]] = {}
    for entry in entries:
        if entry.group is not None:
            groups.setdefault(entry.group, []).append(entry)
    for group, members in groups.items():
        for member in members:
            if "priority" not in member.fields:
                message = f"`{member.key}` is in group `{group}` and needs a `priority`"
                hint = "of the members that fit a customer, the one with the greatest priority holds"
                member.fields.report("group", message, hint)
        ranked = [member for member in members if member.priority is not None]
        ranked.sort(key=lambda member: member.priority or 0)
        for first, second in pairwise(ranked):
            if first.priority == second.priority:
                message = f"in group `{group}`, `{first.key}` has the priority {second.priority} already"
                second.fields.report("priority", message, "give every member its own priority")
