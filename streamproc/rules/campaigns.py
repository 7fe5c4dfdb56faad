"""The `campaigns:` of a rules file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast, get_args

from yaml.nodes import MappingNode, Node

from streamproc.contracts.hashes import text_hash
from streamproc.rules.campaign import Campaign, Goal, Mode, Step
from streamproc.rules.document import Document
from streamproc.rules.fields import Fields
from streamproc.rules.literals import DURATION_UNITS_MS, LiteralError, format_duration, parse_duration
from streamproc.rules.model import Segment
from streamproc.rules.nearest import did_you_mean
from streamproc.rules.segments import Rule, SegmentEntry, check_keys, read_rule
from streamproc.rules.steps import STEP_KEYS, read_steps
from streamproc.rules.triggers import Named, TriggerEntry, read_trigger

_REQUIRED: Final = ("key", "name", "version", "on", "expires_after")
_KEYS: Final = (
    *("key", "name", "version", "on", "when", "reentry", "priority", "goal", "attribution", "holdout"),
    *("variants", "budget", "expires_after", "mode", "steps", *STEP_KEYS),
)
_HINTS: Final = {
    "cooldown": "`cooldown` is now `reentry: after 14d`",
    "wait": "a `wait` belongs to a step: write `steps:`",
    "channels": "write `channel:`, with one or with a list",
    "quiet_hours": "quiet hours are those of all campaigns: write them under `contact:`",
    "caps": "caps are those of all campaigns: write them under `contact:`",
    "complaint": "complaints matter to all campaigns: write them under `contact:`",
}
_REENTRY: Final = "`never`, `each time` or `after 14d`"
_EACH_TIME: Final = "each time"
#: What people write instead.
_SYNONYMS: Final = {"always": _EACH_TIME, "once": "never", "no": "never", "yes": _EACH_TIME}
#: How long after the last step its conversion still counts, unless `attribution` says otherwise.
_AFTER_STEPS_MS: Final = 7 * DURATION_UNITS_MS["d"]
_VARIANTS_MIN: Final = 2
_VARIANTS_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class CampaignEntry:
    """One entry of the list. What is missing or wrong is None; `campaign` is None if anything is wrong.

    watch: the hidden segment; None too if the trigger is no watch.
    """

    fields: Fields
    key: str | None
    trigger: TriggerEntry | None
    when: Rule | None
    campaign: Campaign | None
    watch: Segment | None


def read_campaigns(
    document: Document, items: Sequence[Node], named: Named, segments: Sequence[SegmentEntry]
) -> list[CampaignEntry]:
    """The entries, each checked for itself and against the others and `segments`."""
    entries = [_read_campaign(document, item, named) for item in items]
    check_keys("campaign", [(entry.fields, entry.key) for entry in entries])
    _check_watches(entries, segments)
    return entries


def _read_campaign(document: Document, node: Node, named: Named) -> CampaignEntry:
    noted = len(document.problems)
    fields = Fields(document, node, "the campaign", allowed=_KEYS, required=_REQUIRED, hints=_HINTS)
    key, name, version = fields.key("key"), fields.text("name"), fields.integer("version", 1)
    trigger, when = read_trigger(fields, key or "", named), read_rule(fields, "when", named.parse)
    again_ms, expires_after_ms = _read_reentry(fields), _read_expiry(fields)
    steps = read_steps(fields)
    attribution_ms = _read_attribution(fields, steps)
    goal = cast(Goal | None, fields.word("goal", get_args(Goal)))
    mode = cast(Mode | None, fields.word("mode", get_args(Mode)))
    priority, holdout = fields.integer("priority", 0), fields.portion("holdout")
    variants, budget = _read_variants(fields), _read_budget(fields)
    campaign = watch = None
    is_right = len(document.problems) == noted
    if is_right and key and name and version and trigger:
        campaign = Campaign(
            key=key,
            name=name,
            version=version,
            trigger=trigger.trigger,
            steps=steps,
            again_ms=again_ms,
            expires_after_ms=expires_after_ms,
            attribution_ms=attribution_ms,
            id=text_hash(key),
            when=when.parsed.expr if when else None,
            priority=priority or 0,
            goal=goal or "activity",
            holdout=holdout,
            variants=variants,
            budget=budget,
            mode=mode or "live",
            line=document.line(node),
        )
        watch = _watch(campaign, trigger)
    return CampaignEntry(fields, key, trigger, when, campaign, watch)


def _watch(campaign: Campaign, trigger: TriggerEntry) -> Segment | None:
    """The hidden segment of a campaign whose trigger is an expression that becomes true."""
    if trigger.rule is None or trigger.rule.parsed.expr is None:
        return None
    return Segment(
        key=trigger.trigger.target,
        name=campaign.name,
        description=trigger.trigger.text,
        version=campaign.version,
        enter=trigger.rule.parsed.expr,
        exit=None,
        min_dwell_ms=0,
        group=None,
        priority=0,
        id=text_hash(trigger.trigger.target),
        line=campaign.line,
    )


def _check_watches(entries: Sequence[CampaignEntry], segments: Sequence[SegmentEntry]) -> None:
    """Note watches whose 32-bit id another watch or a segment has."""
    taken = {text_hash(entry.key): entry.key for entry in segments if entry.key is not None}
    for entry in entries:
        if entry.watch is None:
            continue
        other = taken.setdefault(entry.watch.id, entry.watch.key)
        if other != entry.watch.key:
            message = f"what `{entry.key}` waits for has the same 32-bit id as `{other}`"
            entry.fields.report("key", message, "rename the campaign")


def _read_reentry(fields: Fields) -> int | None:
    """How long after a request the next entry may be; 0: at once; None: never, or it is wrong."""
    if fields.is_mapping and not fields.was_given("reentry") and not fields.was_given("cooldown"):
        hint = f"add `reentry:` with {_REENTRY}"
        fields.document.report(fields.node, "the campaign has no `reentry`", hint)
    node = fields.scalar("reentry", _REENTRY)
    if node is None:
        return None
    text = " ".join(node.value.split())
    if text in ("never", _EACH_TIME):
        return 0 if text == _EACH_TIME else None
    word, _, duration = text.partition(" ")
    if word != "after":
        fields.report("reentry", f"`reentry` must be {_REENTRY}, not `{text}`", _reentry_hint(text))
        return None
    try:
        again_ms = parse_duration(duration)
    except LiteralError as error:
        hint = error.hint if duration else "write `after 14d`"
        fields.report(
            "reentry", f"`reentry`: {error.message}" if duration else "`after` needs a duration", hint
        )
        return None
    if not again_ms:
        fields.report("reentry", f"`{text}` is no time at all", f"write `{_EACH_TIME}`")
    return again_ms


def _reentry_hint(text: str) -> str:
    try:
        return f"write `after {text}`" if parse_duration(text) else f"write `{_EACH_TIME}`"
    except LiteralError:
        meant = _SYNONYMS.get(text.lower())
        return f"write `{meant}`" if meant else did_you_mean(text, ("never", _EACH_TIME))


def _read_expiry(fields: Fields) -> int:
    noted = len(fields.document.problems)
    expires_after_ms = fields.duration_ms("expires_after")
    if "expires_after" in fields and not expires_after_ms and len(fields.document.problems) == noted:
        fields.report("expires_after", "the action would expire the moment it is requested")
    return expires_after_ms


def _read_attribution(fields: Fields, steps: Sequence[Step]) -> int:
    """How long after the first request; longer than all waits together."""
    waits_ms = sum(step.wait_ms for step in steps)
    noted = len(fields.document.problems)
    attribution_ms = fields.duration_ms("attribution", waits_ms + _AFTER_STEPS_MS)
    if attribution_ms <= waits_ms and len(fields.document.problems) == noted:
        message = (
            f"all steps together wait {format_duration(waits_ms)}: after an `attribution` of"
            f" {format_duration(attribution_ms)} the last would come too late to count"
            if waits_ms
            else "nothing can follow a request in no time"
        )
        fields.report("attribution", message, "write a longer duration")
    return attribution_ms


def _read_variants(fields: Fields) -> tuple[tuple[str, int], ...]:
    """The variants with their weights, in the order of the file."""
    section = fields.mapping("variants", allowed=None)
    if section is None:
        return ()
    found = []
    for name in section.values:
        section.check_key(name)
        weight = section.integer(name, 1, zero="nobody would get this variant: leave it out")
        found.append((name, weight or 1))
    if isinstance(section.node, MappingNode) and not _VARIANTS_MIN <= len(found) <= _VARIANTS_MAX:
        message = f"a campaign has {_VARIANTS_MIN} to {_VARIANTS_MAX} variants, or none; not {len(found)}"
        hint = "leave `variants` out: everybody gets the same" if len(found) < _VARIANTS_MIN else ""
        fields.report("variants", message, hint)
    return tuple(found)


def _read_budget(fields: Fields) -> int | None:
    if fields.is_null("budget"):
        return None
    return fields.integer("budget", 1, zero="to ask for nothing, write `mode: dry` or `mode: paused`")
