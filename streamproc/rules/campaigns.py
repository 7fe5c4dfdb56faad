"""The `campaigns:` of a rules file."""

from collections.abc import Collection, Sequence
from typing import Final

from yaml.nodes import Node

from streamproc.contracts.hashes import text_hash
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.contracts.signal_types import BANDS
from streamproc.rules.document import Document
from streamproc.rules.fields import Fields
from streamproc.rules.model import Campaign, Trigger
from streamproc.rules.nearest import did_you_mean, one_of
from streamproc.rules.segments import check_keys

_KEYS: Final = ("key", "name", "version", "on", "channel", "reason", "offer", "expires_after", "cooldown")
_REQUIRED: Final = ("key", "name", "version", "on", "channel", "reason", "expires_after", "cooldown")


def read_campaigns(document: Document, items: Sequence[Node], segments: Collection[str]) -> list[Campaign]:
    """The campaigns that are right; `segments` are the keys that they may wait for."""
    entries = [_read_campaign(document, item, segments) for item in items]
    check_keys("campaign", [(fields, key) for fields, key, _ in entries])
    return [campaign for _, _, campaign in entries if campaign is not None]


def _read_campaign(
    document: Document, node: Node, segments: Collection[str]
) -> tuple[Fields, str | None, Campaign | None]:
    noted = len(document.problems)
    fields = Fields(document, node, "the campaign", allowed=_KEYS, required=_REQUIRED)
    key, name, version = fields.key("key"), fields.text("name"), fields.integer("version", 1)
    trigger = _read_trigger(fields, segments)
    channel, reason = fields.word("channel", CONSENT_CHANNELS), fields.text("reason")
    offer = None if fields.is_null("offer") else fields.text("offer")
    expires_after_ms, cooldown_ms = fields.duration_ms("expires_after"), fields.duration_ms("cooldown")
    if len(document.problems) == noted and "expires_after" in fields and not expires_after_ms:
        fields.report("expires_after", "the action would expire the moment it is requested")
    campaign = None
    if len(document.problems) == noted and key and name and version and trigger and channel and reason:
        campaign = Campaign(
            key=key,
            name=name,
            version=version,
            trigger=trigger,
            channel=channel,
            reason=reason,
            offer=offer,
            expires_after_ms=expires_after_ms,
            cooldown_ms=cooldown_ms,
            id=text_hash(key),
            line=document.line(node),
        )
    return fields, key, campaign


def _read_trigger(fields: Fields, segments: Collection[str]) -> Trigger | None:
    """`enter <segment>` or `band <band>`."""
    node = fields.scalar("on", "`enter <segment>` or `band <band>`")
    if node is None:
        return None
    kind, _, target = node.value.partition(" ")
    target = target.strip()
    report = fields.document.report_inside
    if kind not in ("enter", "band") or not target:
        report(node, 0, f"`on` must be `enter <segment>` or `band <band>`, not `{node.value}`")
        return None
    offset = node.value.index(target, len(kind))
    if kind == "enter":
        if target in segments:
            return Trigger("enter", target)
        hint = did_you_mean(target, segments) or (f"there is {one_of(segments)}" if segments else "")
        report(node, offset, f"there is no segment `{target}`", hint)
        return None
    bands = BANDS[1:]
    if target in bands:
        return Trigger("band", target)
    if target == BANDS[0]:
        report(node, offset, f"nobody's risk can rise to `{target}`", f"use {one_of(bands)}")
    else:
        report(
            node,
            offset,
            f"there is no band `{target}`",
            did_you_mean(target, bands) or f"use {one_of(bands)}",
        )
    return None
