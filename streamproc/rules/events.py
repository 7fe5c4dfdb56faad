"""The `events:` section of a rules file: what the names of events mean."""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from streamproc.contracts.events import OUTCOMES
from streamproc.contracts.meanings import CHANNELS, CONSENT_CHANNELS, TALLIES, EventMeaning
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS
from streamproc.rules.fields import Fields

_KEYS: Final = EventMeaning.__struct_fields__
_NULLABLE: Final = ("channel", "activity", "counts", "value", "duration", "cart", "ticket", "consent")
_WORDS: Final[Mapping[str, Collection[str]]] = {
    "channel": CHANNELS,
    "valence": ("positive", "neutral", "negative"),
    # (these two follow from the valence)
    "counts": [tally for tally in TALLIES if tally not in ("negatives", "positives")],
    "cart": ("add", "remove"),
    "ticket": ("open", "close"),
}


def read_events(root: Fields) -> Mapping[str, EventMeaning]:
    """The default meanings, and over them, field by field, what the section says about a name."""
    meanings = dict(DEFAULT_MEANINGS)
    section = root.mapping("events", allowed=None)
    if section is not None:
        for name in section.values:
            if name in OUTCOMES:
                message = f"`{name}` is an outcome of a message: no file can change what it means"
                hint = "leave it out, or give an event of your own another name"
                section.document.report(section.key_node(name), message, hint)
                continue
            meanings[name] = _read_meaning(section, name, meanings.get(name, EventMeaning()))
    return meanings


def _read_meaning(section: Fields, name: str, default: EventMeaning) -> EventMeaning:
    fields = section.mapping(name, allowed=_KEYS)
    if fields is None:
        return default
    said: dict[str, object] = {}
    for key in fields.values:
        value = _read_field(fields, key)
        if value is not None or (key in _NULLABLE and fields.is_null(key)):
            said[key] = value
    return msgspec.structs.replace(default, **said)


def _read_field(fields: Fields, key: str) -> object:
    if key in _NULLABLE and fields.is_null(key):
        return None
    if key in _WORDS:
        return fields.word(key, _WORDS[key])
    match key:
        case "activity" | "order" | "survey":
            return fields.boolean(key)
        case "consent":
            return _read_consent(fields)
        case _:
            return fields.text(key)


def _read_consent(fields: Fields) -> dict[str, bool] | None:
    channels = fields.mapping("consent", allowed=CONSENT_CHANNELS)
    if channels is None:
        return None
    granted = {channel: channels.boolean(channel) for channel in channels.values}
    return {channel: value for channel, value in granted.items() if value is not None} or None
