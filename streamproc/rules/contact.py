"""The `contact:` of a rules file: what holds for the requests of all campaigns."""

from dataclasses import dataclass
from typing import Final

from yaml.nodes import Node

from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.contracts.time_zones import zone_codes
from streamproc.rules.campaign import Cap, ContactPolicy, QuietHours
from streamproc.rules.document import Document
from streamproc.rules.fields import Fields
from streamproc.rules.literals import (
    DURATION_UNITS_MS,
    LiteralError,
    format_duration,
    format_minute,
    parse_duration,
    parse_minute,
)
from streamproc.rules.nearest import did_you_mean
from streamproc.rules.segments import Parse, Rule, read_rule

_KEYS: Final = ("time_zone", "quiet_hours", "caps", "complaint", "holdout")
_CAP_KEYS: Final = ("most", "per", "channel")
_DEFAULT_COMPLAINT: Final = "open_tickets > 0"
_DAY: Final = "day"
_CAPS_MAX: Final = 20
#: As many contacts of a customer are kept, for so long.
_CAP_MOST_MAX: Final = 64
_CAP_PER_MAX_MS: Final = 90 * DURATION_UNITS_MS["d"]


@dataclass(frozen=True, slots=True)
class ContactEntry:
    """The policy; where its own expression and the caps stand."""

    policy: ContactPolicy
    complaint: Rule | None = None
    caps: tuple[Fields, ...] = ()


def read_contact(root: Fields, parse: Parse) -> ContactEntry:
    """The contact policy; what the section leaves out has its default."""
    default = parse(_DEFAULT_COMPLAINT).expr
    fields = root.mapping("contact", allowed=_KEYS)
    if fields is None:
        return ContactEntry(ContactPolicy(complaint=default))
    complaint = None if fields.is_null("complaint") else read_rule(fields, "complaint", parse)
    if "complaint" in fields:
        default = None
    caps = _read_caps(fields)
    policy = ContactPolicy(
        time_zone=_read_time_zone(fields),
        quiet_hours=_read_quiet_hours(fields),
        caps=tuple(cap for _, cap in caps if cap is not None),
        complaint=complaint.parsed.expr if complaint else default,
        holdout=fields.portion("holdout"),
    )
    return ContactEntry(policy, complaint, tuple(where for where, cap in caps if cap is not None))


def _read_time_zone(fields: Fields) -> str:
    node = fields.scalar("time_zone", "the name of a time zone such as `Europe/Berlin`")
    if node is None:
        return "UTC"
    name = str(node.value)
    if name not in zone_codes():
        # Of a city alone, the zone that ends with it.
        cities = sorted(zone for zone in zone_codes() if zone.rpartition("/")[2].lower() == name.lower())
        hint = f"did you mean `{cities[0]}`?" if cities else did_you_mean(name, sorted(zone_codes()))
        fields.report(
            "time_zone",
            f"there is no time zone `{name}`",
            hint or "write an IANA name such as `Europe/Berlin`",
        )
    return name


def _read_quiet_hours(fields: Fields) -> QuietHours | None:
    """`21:00-08:00`; `~`: none."""
    if fields.is_null("quiet_hours"):
        return None
    node = fields.scalar("quiet_hours", "two times such as `21:00-08:00`")
    if node is None:
        return None
    start, dash, end = (part.strip() for part in node.value.partition("-"))
    if not dash:
        fields.report(
            "quiet_hours", f"`{start}` is not a span of time", "write two times such as `21:00-08:00`"
        )
        return None
    try:
        hours = QuietHours(parse_minute(start), parse_minute(end))
    except LiteralError as error:
        fields.report("quiet_hours", f"`quiet_hours`: {error.message}", error.hint)
        return None
    if hours.from_minute == hours.to_minute:
        message = f"quiet hours from {format_minute(hours.from_minute)} to the same time: always, or never?"
        fields.report(
            "quiet_hours", message, "leave them out, or change one; to ask for nothing: `mode: paused`"
        )
    return hours


def _read_caps(fields: Fields) -> list[tuple[Fields, Cap | None]]:
    nodes = fields.items("caps")
    if len(nodes) > _CAPS_MAX:
        fields.report("caps", f"there are {len(nodes)} caps, more than {_CAPS_MAX}")
    return [_read_cap(fields.document, node) for node in nodes[:_CAPS_MAX]]


def _read_cap(document: Document, node: Node) -> tuple[Fields, Cap | None]:
    noted = len(document.problems)
    fields = Fields(document, node, "the cap", allowed=_CAP_KEYS, required=("most", "per"))
    most = fields.integer("most", 1, zero="to ask for nothing, write `mode: paused` in campaigns")
    if most is not None and most > _CAP_MOST_MAX:
        message = f"`most` is {_CAP_MOST_MAX} at most: no more contacts of a customer are kept"
        fields.report("most", message, "leave the cap out, or make it stricter")
    per_ms = _read_per(fields)
    channel = None if fields.is_null("channel") else fields.word("channel", CONSENT_CHANNELS)
    if most is None or len(document.problems) > noted:
        return fields, None
    return fields, Cap(most, per_ms, channel)


def _read_per(fields: Fields) -> int | None:
    """The length of the time before; None: a calendar day."""
    node = fields.scalar("per", "`day` or a duration such as `7d`")
    if node is None or node.value == _DAY:
        return None
    try:
        per_ms = parse_duration(node.value)
    except LiteralError as error:
        is_word = node.value.isalpha()
        hint = (
            "write `day` for a calendar day, or a duration such as `7d` or `24h`" if is_word else error.hint
        )
        fields.report("per", f"`per`: {error.message}", hint)
        return None
    if not per_ms:
        fields.report("per", "a cap needs a time longer than 0", "write `day`, or a duration such as `7d`")
    elif per_ms > _CAP_PER_MAX_MS:
        longest = format_duration(_CAP_PER_MAX_MS)
        fields.report(
            "per", f"a cap looks back {longest} at most, not {node.value}", f"write `{longest}`, or less"
        )
    return per_ms
