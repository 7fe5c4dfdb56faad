"""The rules that are in force, as the head of a shard tells them: to the next owner of the shard, and to commands."""

from typing import Final

import msgspec
import xxhash

from streamproc.rules.campaign import Mode
from streamproc.state.store import Head
from streamproc.transitions.definitions import Definitions

_ENCODER: Final = msgspec.json.Encoder()
_SEGMENT_NAMES_DECODER: Final = msgspec.json.Decoder(dict[int, tuple[str, int]])
_CAMPAIGN_MODES_DECODER: Final = msgspec.json.Decoder(dict[str, Mode])


def told_of(definitions: Definitions) -> dict[str, bytes]:
    """What the `extra` of a head says of definitions, whose former segments are known (`retired`)."""
    return {
        "segments": _ENCODER.encode(dict(sorted(definitions.retired.items()))),
        "campaigns": _ENCODER.encode({one.key: one.mode for one in definitions.ruleset.campaigns}),
        "in_force": mark_of(definitions),
    }


def swept_mark_of(definitions: Definitions) -> bytes:
    """What the `extra` of a head calls the rules and the model by which it has `swept` all customers."""
    return f"{definitions.fingerprint:08x}".encode()


def mark_of(definitions: Definitions) -> bytes:
    """What the `extra` of a head calls the rules and the model `in_force`: other than their fingerprint, it tells
    campaigns apart, under which nobody has to be evaluated anew.
    """
    ruleset = definitions.ruleset
    told = repr([(definitions.fingerprint, ruleset.contact), *ruleset.campaigns])
    return f"{xxhash.xxh3_64_intdigest(told.encode()):016x}".encode()


def segment_names(head: Head) -> dict[int, tuple[str, int]]:
    """Key and version of every segment that any rules of this shard ever had, by id."""
    stored = head.extra.get("segments")
    return _SEGMENT_NAMES_DECODER.decode(stored) if stored else {}


def later_segments(head: Head, definitions: Definitions) -> dict[str, str]:
    """Segments that another worker has had in a later version: key -> both versions, as words.

    A worker with older rules takes everybody back to them: so it is when rules are rolled out worker by worker, and a
    shard goes to one that has the old ones still.
    """
    last = segment_names(head)
    return {
        one.key: f"{one.version} here, {last[one.id][1]} before"
        for one in definitions.ruleset.segments
        if one.id in last and last[one.id][1] > one.version
    }


def campaign_modes(head: Head) -> dict[str, Mode]:
    """The campaigns of the rules in force, each with the mode that the file gives it; empty: there are none yet."""
    stored = head.extra.get("campaigns")
    return _CAMPAIGN_MODES_DECODER.decode(stored) if stored else {}
