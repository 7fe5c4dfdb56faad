"""The `funnels:` of a rules file."""

from collections.abc import Sequence
from typing import Final

from yaml.nodes import Node, ScalarNode, SequenceNode

from streamproc.contracts.events import OUTCOMES
from streamproc.rules.document import Document
from streamproc.rules.fields import Fields
from streamproc.rules.model import Funnel
from streamproc.rules.segments import check_keys

_KEYS: Final = ("key", "version", "steps", "within")
_STEPS_MIN: Final = 2
_STEPS_MAX: Final = 20
#: As long as the name of an event may be.
_NAME_CHARACTERS_MAX: Final = 200


def read_funnels(document: Document, items: Sequence[Node]) -> list[Funnel]:
    """The funnels that are right."""
    entries = [_read_funnel(document, item) for item in items]
    check_keys("funnel", [(fields, key) for fields, key, _ in entries])
    return [funnel for _, _, funnel in entries if funnel is not None]


def _read_funnel(document: Document, node: Node) -> tuple[Fields, str | None, Funnel | None]:
    noted = len(document.problems)
    fields = Fields(document, node, "the funnel", allowed=_KEYS, required=_KEYS)
    key, version, within_ms = fields.key("key"), fields.integer("version", 1), fields.duration_ms("within")
    steps = _read_steps(fields)
    if len(document.problems) == noted and not within_ms:
        fields.report("within", "no funnel can be done in no time", "write a duration such as `14d`")
    funnel = None
    if len(document.problems) == noted and key and version:
        funnel = Funnel(key, version, steps, within_ms, document.line(node))
    return fields, key, funnel


def _read_steps(fields: Fields) -> tuple[str, ...]:
    """The names of events."""
    nodes = fields.items("steps")
    steps = [str(node.value) for node in nodes if isinstance(node, ScalarNode) and _is_name(node.value)]
    if len(steps) < len(nodes):
        message = f"a step is the name of an event, 1 to {_NAME_CHARACTERS_MAX} characters with no space around them"
        fields.report("steps", message, "such as `Signed Up`")
    elif isinstance(fields.values.get("steps"), SequenceNode) and not _STEPS_MIN <= len(steps) <= _STEPS_MAX:
        fields.report("steps", f"a funnel has {_STEPS_MIN} to {_STEPS_MAX} steps, not {len(steps)}")
    for node in nodes:
        if isinstance(node, ScalarNode) and node.value in OUTCOMES:
            message = f"`{node.value}` is an outcome of a message: no funnel ever counts it"
            hint = "leave the step out; rules count outcomes by features such as `email_opens_7d`"
            fields.document.report(node, message, hint)
    return tuple(steps)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _NAME_CHARACTERS_MAX and text == text.strip()
