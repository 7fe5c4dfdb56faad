"""The steps of a campaign: a ladder, or a single one in the campaign itself."""

from collections.abc import Collection
from typing import Final

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.rules.campaign import BEST_HOUR, Step
from streamproc.rules.fields import Fields
from streamproc.rules.literals import LiteralError, parse_minute
from streamproc.rules.nearest import did_you_mean, one_of

#: What a campaign with a single step says itself.
STEP_KEYS: Final = ("channel", "reason", "offer", "at")
_REQUIRED: Final = ("channel", "reason")
_STEPS_MAX: Final = 20
_PREFERRED: Final = "preferred"
_BEST_HOUR: Final = "best_hour"


def read_steps(fields: Fields) -> tuple[Step, ...]:
    """The steps of a campaign, those that are right; what is wrong is noted."""
    if "steps" not in fields:
        for key in _REQUIRED:
            if fields.is_mapping and key not in fields:
                hint = f"add `{key}:`, or `steps:` for several"
                fields.document.report(fields.node, f"the campaign has no `{key}`", hint)
        step = _read_step(fields, wait_ms=0)
        return () if step is None else (step,)
    for key in STEP_KEYS:
        if key in fields:
            message = f"with `steps`, each step has its own `{key}`"
            fields.document.report(fields.key_node(key), message, "move it into a step, or leave `steps` out")
    items = fields.items("steps")
    if isinstance(fields.values["steps"], SequenceNode) and not 1 <= len(items) <= _STEPS_MAX:
        fields.report("steps", f"a campaign has 1 to {_STEPS_MAX} steps, not {len(items)}")
    steps = [_read_rung(fields, item, number) for number, item in enumerate(items, 1)]
    return tuple(step for step in steps if step is not None)


def _read_rung(campaign: Fields, node: Node, number: int) -> Step | None:
    """A step of a list. All but the first have a `wait`."""
    document, name = campaign.document, f"step {number}"
    fields = Fields(document, node, name, allowed=("wait", *STEP_KEYS), required=_REQUIRED)
    noted = len(document.problems)
    wait_ms = fields.duration_ms("wait")
    if number > 1 and isinstance(node, MappingNode) and len(document.problems) == noted:
        if "wait" not in fields:
            hint = f"add `wait: 3d`: how long after step {number - 1}"
            document.report(node, f"{name} has no `wait`", hint)
        elif not wait_ms:
            hint = "write a longer `wait`; for a second way to say the same, give one step several channels"
            fields.report("wait", f"{name} would come at once with step {number - 1}", hint)
    return _read_step(fields, wait_ms=wait_ms)


def _read_step(fields: Fields, *, wait_ms: int) -> Step | None:
    channels, reason, at_minute = _read_channels(fields), fields.text("reason"), _read_at(fields)
    offer = None if fields.is_null("offer") else fields.text("offer")
    if not channels or not reason:
        return None
    preferred = channels == (_PREFERRED,)
    return Step(
        wait_ms=wait_ms,
        channels=CONSENT_CHANNELS if preferred else channels,
        reason=reason,
        offer=offer,
        preferred=preferred,
        at_minute=at_minute,
    )


def _read_channels(fields: Fields) -> tuple[str, ...]:
    """One channel, several, or `preferred`; none if it is missing or wrong."""
    if not isinstance(fields.values.get("channel"), SequenceNode):
        channel = fields.word("channel", (*CONSENT_CHANNELS, _PREFERRED))
        return () if channel is None else (channel,)
    items = fields.items("channel")
    if not items:
        fields.report("channel", "the list of channels is empty", f"use {one_of(CONSENT_CHANNELS)}")
    found: list[str] = []
    for item in items:
        message, hint = _channel_mistake(item, found)
        if message:
            fields.document.report(item, message, hint)
        else:
            found.append(str(item.value))
    return tuple(found) if len(found) == len(items) else ()


def _channel_mistake(item: Node, before: Collection[str]) -> tuple[str, str]:
    """What is wrong with a channel of a list, and a hint; empty: nothing."""
    if not isinstance(item, ScalarNode):
        return "a channel must be a word, not a list or a mapping", ""
    if item.value == _PREFERRED:
        return (
            f"`{_PREFERRED}` stands for all channels",
            f"write `channel: {_PREFERRED}`, or a list without it",
        )
    if item.value not in CONSENT_CHANNELS:
        hint = did_you_mean(item.value, CONSENT_CHANNELS) or f"use {one_of(CONSENT_CHANNELS)}"
        return f"there is no channel `{item.value}`", hint
    return (f"`{item.value}` is there twice", "leave one out") if item.value in before else ("", "")


def _read_at(fields: Fields) -> int | None:
    """The minute of the day at which the hour of a step begins; None: any time."""
    if fields.is_null("at"):
        return None
    node = fields.scalar("at", "`best_hour` or a time such as `10:00`")
    if node is None:
        return None
    if node.value == _BEST_HOUR:
        return BEST_HOUR
    try:
        return parse_minute(node.value)
    except LiteralError as error:
        hint = did_you_mean(node.value, [_BEST_HOUR]) or error.hint
        fields.report("at", f"`at`: {error.message}", hint)
        return None
