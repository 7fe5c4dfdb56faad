"""Suggestions as a rules file of their own: to be read, tried with `backtest`, and copied from. Nothing loads it."""

import re
from collections.abc import Sequence
from typing import Final

import xxhash
import yaml

from streamproc.contracts.instants import to_iso
from streamproc.discovery.search import Figures
from streamproc.discovery.study import Target
from streamproc.discovery.suggest import Discovery, Suggestion
from streamproc.rules.expression import Comparison, Op, comparisons

#: How a file of suggestions begins: only such a file is written over.
MARK: Final = "# Suggestions of `streamproc discover`"
#: The sections of a rules file that say how events are counted.
_SECTIONS: Final = ("currency", "session_gap", "events", "funnels")
_KEY_MAX: Final = 64
_WORDS: Final[dict[Op, str]] = {">=": "from", "<": "below", "==": "is", ">": "over", "<=": "to", "!=": "not"}


def key_of(suggestion: Suggestion) -> str:
    """A key made of the rule, so that the same rule has the same one next time: `found_recency_from_14d`."""
    parts = []
    for comparison in comparisons(suggestion.conditions):
        value = _value(comparison).removesuffix("%").partition(" ")[0]
        word = re.sub(r"[^a-z0-9]+", "_", value.lower()).strip("_") or "other"
        parts.append(f"{comparison.feature}_{_WORDS[comparison.op]}_{word}")
    key = "found_" + "_and_".join(parts)
    if len(key) <= _KEY_MAX:
        return key
    mark = f"_{xxhash.xxh32_hexdigest(key.encode())}"
    return key[: _KEY_MAX - len(mark)] + mark


def as_document(found: Discovery, rules: str, source: str) -> str:
    """The text of the file. `rules`: the text of the rules in force, whose currency, events and funnels it needs."""
    sections = _sections(rules)
    study = found.study
    lines = [
        f"{MARK} from {source}, as of {to_iso(int(study.now_ms.max()))}.",
        f"# {_sought(found)}; {len(study.table):,} customers looked at.",
        "# Found on one half of them (train), tested on the other (holdout), of which the figures are to be believed.",
        "# Nothing here is in force. Try it: streamproc backtest THIS_FILE events.jsonl. Then copy what you want.",
        "",
    ]
    if sections:
        lines += [sections]
    lines += ["segments:"]
    taken: dict[str, int] = {}
    for suggestion in found.suggestions:
        key = key_of(suggestion)
        taken[key] = taken.get(key, 0) + 1
        if taken[key] > 1:
            key = f"{key[: _KEY_MAX - 3]}_{taken[key]}"
        lines += ["", *_segment(key, suggestion, found)]
    return "\n".join(lines) + "\n"


def told(value: float, target: Target) -> str:
    """A mean of the target as people read it: `31.2%` or `74.82`."""
    return f"{value / target.scale:.1%}" if target.is_share else f"{value / target.scale:,.2f}"


def _sought(found: Discovery) -> str:
    target = found.study.target
    if target.is_share:
        return f"Groups of whom {'fewer' if found.less else 'more'} {target.words} than of others"
    return f"Groups who {target.words} {'less' if found.less else 'more'} than others"


def _segment(key: str, suggestion: Suggestion, found: Discovery) -> Sequence[str]:
    target, holdout = found.study.target, suggestion.holdout
    overlaps = ""
    if suggestion.overlaps is not None:
        overlaps = f"; most alike: {suggestion.overlaps[0]} (Jaccard {suggestion.overlaps[1]:.2f})"
    description = (
        f"{told(holdout.mean, target)} {_what(target)}; of all customers {told(found.holdout.mean, target)}."
    )
    return [
        f"  # train: {_figures(suggestion.train, target)}",
        f"  # holdout: {_figures(holdout, target)}; q {suggestion.q:.2g}{overlaps}",
        f"  - key: {key}",
        f"    name: {_quoted(str(suggestion.conditions))}",
        f"    description: {_quoted(description)}",
        "    version: 1",
        f"    enter: {_quoted(str(suggestion.rule))}",
    ]


def _what(target: Target) -> str:
    return target.words if target.is_share else f"is what they {target.words}, each"


def _figures(figures: Figures, target: Target) -> str:
    return f"{figures.customers:,} customers, {told(figures.mean, target)}, lift {figures.lift:.2f}"


def _value(comparison: Comparison) -> str:
    return str(comparison).rpartition(f" {comparison.op} ")[2]


def _quoted(text: str) -> str:
    """As YAML takes any text: in single quotes, which are doubled inside."""
    return "'" + text.replace("'", "''") + "'"


def _sections(rules: str) -> str:
    """What the rules in force say about counting, as it stands there: a feature means the same only under the same."""
    root = yaml.compose(rules, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return ""
    kept = [(key, value) for key, value in root.value if key.value in _SECTIONS]
    if not kept:
        return ""
    part = yaml.MappingNode(root.tag, kept, flow_style=False)
    return str(yaml.serialize(part, Dumper=yaml.SafeDumper, allow_unicode=True, width=110))
