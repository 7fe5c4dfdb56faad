"""The `on:` of a campaign: what leads into it."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from yaml.nodes import ScalarNode

from streamproc.contracts.events import SURVEYS
from streamproc.contracts.signal_types import BANDS
from streamproc.rules.campaign import Trigger
from streamproc.rules.fields import Fields
from streamproc.rules.grammar import Mistake
from streamproc.rules.literals import LiteralError, parse_duration
from streamproc.rules.nearest import did_you_mean, one_of
from streamproc.rules.parse import Parsed
from streamproc.rules.segments import Parse, Rule

#: How triggers are written, by their first word.
FORMS: Final[Mapping[str, str]] = {
    "enter": "`enter SEGMENT`",
    "exit": "`exit SEGMENT`",
    "band": "`band BAND` or `band BAND both`",
    "inactive": "`inactive 30d`",
    "cart": "`cart abandoned 4h`",
    "funnel": "`funnel KEY abandoned 1d`",
    "answer": "`answer nps`",
    "ticket": "`ticket open` or `ticket overdue 2d`",
    "becomes": "`becomes EXPRESSION`",
}
#: An answer that arrives later asks for no reaction.
_ANSWER_FRESH: Final = "1h"

_WORD: Final = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class TriggerEntry:
    """A trigger, and the expression of a watch with its place; None: it is no watch."""

    trigger: Trigger
    rule: Rule | None = None


def watch_key(campaign: str) -> str:
    """The key of the hidden segment of a campaign. No segment of a file can have it."""
    return f"watch/{campaign}"


@dataclass(frozen=True, slots=True)
class Named:
    """What triggers may name: keys of segments and funnels, and whatever expressions may."""

    segments: Collection[str]
    funnels: Collection[str]
    parse: Parse


def read_trigger(fields: Fields, campaign: str, named: Named) -> TriggerEntry | None:
    """The trigger of the campaign with this key. None if it is missing or wrong, which is noted."""
    node = fields.scalar("on", "a trigger such as `enter SEGMENT`")
    if node is None:
        return None
    reader = _Reader(node, watch_key(campaign), named)
    try:
        found = reader.read()
    except Mistake as mistake:
        reader.mistakes.append(mistake)
    for one in reader.mistakes:
        fields.document.report_inside(node, one.offset, one.message, one.hint)
    return None if reader.mistakes else found


class _Reader:
    """Reads a trigger word by word. Every method raises Mistake; `mistakes` are those of an expression."""

    def __init__(self, node: ScalarNode, watch: str, named: Named) -> None:
        self.node = node
        self.watch = watch
        self.named = named
        self.mistakes: list[Mistake] = []
        self.words = [(match.start(), match.group()) for match in _WORD.finditer(node.value)]
        self.at = 0
        self.form = ""

    def read(self) -> TriggerEntry:
        """The trigger. Raises Mistake."""
        readers: dict[str, Callable[[], TriggerEntry]] = {
            "enter": self._enter,
            "exit": self._exit,
            "band": self._band,
            "inactive": self._inactive,
            "cart": self._cart,
            "funnel": self._funnel,
            "answer": self._answer,
            "ticket": self._ticket,
            "becomes": self._becomes,
        }
        offset, first = self._next("a trigger")
        if first not in FORMS:
            hint = did_you_mean(first, FORMS) or f"a trigger begins with {one_of(FORMS)}"
            raise Mistake(offset, f"there is no trigger `{first}`", hint)
        self.form = FORMS[first]
        found = readers[first]()
        if self.at < len(self.words):
            offset, word = self.words[self.at]
            raise Mistake(offset, f"nothing more was expected here, not `{word}`", f"write {self.form}")
        return found

    def _enter(self) -> TriggerEntry:
        segment = self._one_of("segment", self.named.segments)
        return TriggerEntry(Trigger("enter", segment, self._text))

    def _exit(self) -> TriggerEntry:
        segment = self._one_of("segment", self.named.segments)
        return TriggerEntry(Trigger("exit", segment, self._text))

    def _band(self) -> TriggerEntry:
        offset, band = self._next("a band")
        bands = BANDS[1:]
        if band == BANDS[0]:
            raise Mistake(offset, f"nobody's risk can rise to `{band}`", f"use {one_of(bands)}")
        if band not in bands:
            hint = did_you_mean(band, bands) or f"use {one_of(bands)}"
            raise Mistake(offset, f"there is no band `{band}`", hint)
        both = self.at < len(self.words)
        if both:
            self._word("both")
        return TriggerEntry(Trigger("band", band, self._text, both=both, lasts=not both))

    def _inactive(self) -> TriggerEntry:
        return self._watch(f"recency > {self._duration()}")

    def _cart(self) -> TriggerEntry:
        self._word("abandoned")
        return self._watch(f"cart_idle > {self._duration()}")

    def _funnel(self) -> TriggerEntry:
        key = self._one_of("funnel", self.named.funnels)
        self._word("abandoned")
        return self._watch(f"funnel_{key}_idle > {self._duration()}")

    def _answer(self) -> TriggerEntry:
        survey = self._one_of("survey", SURVEYS)
        return self._watch(f"{survey}_recency <= {_ANSWER_FRESH}", lasts=False)

    def _ticket(self) -> TriggerEntry:
        word = self._word("open", "overdue")
        return self._watch("open_tickets > 0" if word == "open" else f"ticket_age > {self._duration()}")

    def _becomes(self) -> TriggerEntry:
        start = self.words[0][0] + len(self.words[0][1])
        self.at = len(self.words)
        parsed = self.named.parse(self.node.value[start:])
        self.mistakes += [Mistake(start + one.offset, one.message, one.hint) for one in parsed.mistakes]
        offsets = {comparison: start + offset for comparison, offset in parsed.offsets.items()}
        return self._watching(Parsed(parsed.expr, [], offsets))

    def _watch(self, expression: str, *, lasts: bool = True) -> TriggerEntry:
        parsed = self.named.parse(expression)
        assert not parsed.mistakes, parsed.mistakes
        offsets = dict.fromkeys(parsed.offsets, self.words[0][0])
        return self._watching(Parsed(parsed.expr, [], offsets), lasts=lasts)

    def _watching(self, parsed: Parsed, *, lasts: bool = True) -> TriggerEntry:
        return TriggerEntry(Trigger("watch", self.watch, self._text, lasts=lasts), Rule(self.node, parsed))

    def _one_of(self, what: str, candidates: Collection[str]) -> str:
        offset, word = self._next(f"a {what}")
        if word not in candidates:
            hint = did_you_mean(word, candidates) or (f"there is {one_of(candidates)}" if candidates else "")
            raise Mistake(offset, f"there is no {what} `{word}`", hint)
        return word

    def _word(self, *words: str) -> str:
        offset, word = self._next(one_of(words))
        if word not in words:
            hint = did_you_mean(word, words) or f"write {self.form}"
            raise Mistake(offset, f"{one_of(words)} was expected here, not `{word}`", hint)
        return word

    def _duration(self) -> str:
        offset, word = self._next("a duration")
        try:
            duration_ms = parse_duration(word)
        except LiteralError as error:
            raise Mistake(offset, error.message, error.hint) from None
        if not duration_ms:
            raise Mistake(offset, f"`{word}` is over at once", f"write a longer duration: {self.form}")
        return word

    def _next(self, what: str) -> tuple[int, str]:
        if self.at == len(self.words):
            end = len(self.node.value.rstrip())
            raise Mistake(
                end, f"the trigger ends too early: {what} is missing", f"write {self.form}" * bool(self.form)
            )
        self.at += 1
        return self.words[self.at - 1]

    @property
    def _text(self) -> str:
        return " ".join(word for _, word in self.words)
