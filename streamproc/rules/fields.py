"""The values of a YAML mapping, read with their types; what is wrong is noted in the document."""

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Final
from unicodedata import normalize

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from streamproc.rules.document import Document
from streamproc.rules.literals import LiteralError, parse_duration
from streamproc.rules.nearest import did_you_mean, one_of

_INTEGER: Final = re.compile(r"[0-9]{1,9}")
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_PERCENTAGE: Final = re.compile(r"[1-9][0-9]?%")
_PORTION: Final = re.compile(r"[0-9]{1,2}(\.[0-9]{1,2})?%")
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TRUE: Final = ("true", "yes", "on")  # YAML 1.1
_NO_HINTS: Final[Mapping[str, str]] = MappingProxyType({})


class Fields:
    """A mapping whose keys are known.

    Each reading method returns None (or its default) if the key is missing or its value wrong; what is wrong
    is then noted. So a reader goes on to the end of the file and looks at the document's problems there.
    """

    def __init__(
        self,
        document: Document,
        node: Node,
        name: str,
        *,
        allowed: Collection[str] | None,
        required: Collection[str] = (),
        hints: Mapping[str, str] = _NO_HINTS,
    ) -> None:
        """`name` is what messages call the mapping. `allowed` None: all keys are.

        `hints`: what to say about keys that are not allowed, but that people may write.
        """
        self.document = document
        self.node = node
        self.values: dict[str, Node] = {}
        self._keys: dict[str, ScalarNode] = {}
        if isinstance(node, MappingNode):
            for key_node, value in node.value:
                self._add(key_node, value, allowed, hints)
            for key in required:
                if key not in self._keys:
                    document.report(node, f"{name} has no `{key}`", f"add `{key}:`")
        else:
            document.report(node, f"{name} must be a mapping (`key: value` lines), not {_shown(node)}")

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def report(self, key: str, message: str, hint: str = "") -> None:
        """Note a problem with the value of `key`."""
        self.document.report(self.values[key], message, hint)

    def key_node(self, key: str) -> ScalarNode:
        """Where the key itself stands."""
        return self._keys[key]

    @property
    def is_mapping(self) -> bool:
        """Whether a mapping stands there. Where none does, that is what is wrong, and not the keys that it lacks."""
        return isinstance(self.node, MappingNode)

    def was_given(self, key: str) -> bool:
        """Whether the key stands there, even if it is not allowed."""
        return key in self._keys

    def check_key(self, key: str) -> None:
        """Note if the key of an entry is no name for machines, such as `heavy_use`."""
        if _KEY.fullmatch(key) is None:
            message = f"`{key}` is not a name of small letters, digits and `_`"
            self.document.report(self._keys[key], message, _suggest_key(key))

    def is_null(self, key: str) -> bool:
        """Whether the key is there with nothing behind it (or `null`, `~`)."""
        return key in self.values and _is_null(self.values[key])

    def mapping(self, key: str, allowed: Collection[str] | None) -> "Fields | None":
        """A mapping inside this one; None if nothing stands there."""
        if key not in self.values or self.is_null(key):
            return None
        return Fields(self.document, self.values[key], f"`{key}`", allowed=allowed)

    def items(self, key: str) -> list[Node]:
        """The entries of a list; none if nothing stands there."""
        node = self.values.get(key)
        if isinstance(node, SequenceNode):
            return list(node.value)
        if node is not None and not _is_null(node):
            self._wrong(key, "a list (lines that start with `- `)")
        return []

    def scalar(self, key: str, wanted: str) -> ScalarNode | None:
        """A single value of any type. `wanted` says in a message what should stand there."""
        node = self.values.get(key)
        if isinstance(node, ScalarNode) and not _is_null(node):
            return node
        if node is not None:
            self._wrong(key, wanted)
        return None

    def text(self, key: str) -> str | None:
        """A text that is not empty."""
        return self._value(key, "a text", _is_text, lambda text: "put it in quotes" if text.strip() else "")

    def key(self, key: str) -> str | None:
        """A name for machines, such as `cart_abandoner`."""
        wanted = "a name of small letters, digits and `_`"
        return self._value(key, wanted, lambda node: _KEY.fullmatch(node.value) is not None, _suggest_key)

    def word(self, key: str, candidates: Collection[str]) -> str | None:
        """One of `candidates`."""
        return self._value(
            key,
            one_of(candidates),
            lambda node: node.value in candidates,
            lambda text: did_you_mean(text, candidates),
        )

    def integer(self, key: str, minimum: int, *, zero: str = "") -> int | None:
        """A whole number, at least `minimum`. `zero`: what to say to those who write 0."""
        text = self._value(
            key,
            f"a whole number from {minimum}",
            lambda node: _INTEGER.fullmatch(node.value) is not None and int(node.value) >= minimum,
            lambda text: zero if text == "0" else "",
        )
        return None if text is None else int(text)

    def share(self, key: str, default: float) -> float:
        """A number from 0 to 1."""
        text = self._value(
            key,
            "a number from 0 to 1",
            lambda node: _NUMBER.fullmatch(node.value) is not None and float(node.value) <= 1,
        )
        return default if text is None else float(text)

    def percentage(self, key: str) -> int | None:
        """A percentage from 1% to 99%."""
        text = self._value(
            key,
            "a percentage from `1%` to `99%`",
            lambda node: _PERCENTAGE.fullmatch(node.value) is not None,
            lambda text: f"write `{text}%`" if _PERCENTAGE.fullmatch(f"{text}%") else "",
        )
        return None if text is None else int(text.removesuffix("%"))

    def portion(self, key: str) -> float:
        """A percentage from 0% to less than 100%, as a number; 0 if it is missing."""
        text = self._value(
            key,
            "a percentage from `0%` to less than `100%`",
            lambda node: _PORTION.fullmatch(node.value) is not None,
            _suggest_portion,
        )
        return 0.0 if text is None else float(text.removesuffix("%")) / 100

    def boolean(self, key: str) -> bool | None:
        """true or false."""
        text = self._value(key, "`true` or `false`", lambda node: str(node.tag).endswith(":bool"))
        return None if text is None else text.lower() in _TRUE

    def duration_ms(self, key: str, default: int = 0) -> int:
        """A duration such as `14d`."""
        scalar = self.scalar(key, "a duration such as `14d`")
        if scalar is None:
            return default
        try:
            return parse_duration(scalar.value)
        except LiteralError as error:
            self.report(key, f"`{key}`: {error.message}", error.hint)
            return default

    def _value(
        self,
        key: str,
        wanted: str,
        fits: Callable[[ScalarNode], bool],
        hint: Callable[[str], str] = lambda _: "",
    ) -> str | None:
        scalar = self.scalar(key, wanted)
        if scalar is None:
            return None
        if not fits(scalar):
            self._wrong(key, wanted, hint(scalar.value))
            return None
        return str(scalar.value)

    def _add(
        self, key_node: Node, value: Node, allowed: Collection[str] | None, hints: Mapping[str, str]
    ) -> None:
        if not isinstance(key_node, ScalarNode):
            self.document.report(key_node, "a key must be a word, not a list or a mapping")
            return
        key = str(key_node.value)
        if key in self._keys:
            first = self.document.line(self._keys[key])
            self.document.report(key_node, f"`{key}` is given twice", f"the first is on line {first}")
            return
        self._keys[key] = key_node
        if allowed is not None and key not in allowed:
            hint = hints.get(key) or did_you_mean(key, allowed) or f"possible here: {one_of(allowed)}"
            self.document.report(key_node, f"unknown key `{key}`", hint)
        else:
            self.values[key] = value

    def _wrong(self, key: str, wanted: str, hint: str = "") -> None:
        self.report(key, f"`{key}` must be {wanted}, not {_shown(self.values[key])}", hint)


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and str(node.tag).endswith(":null")


def _is_text(node: ScalarNode) -> bool:
    return str(node.tag).endswith(":str") and bool(node.value.strip())


def _suggest_portion(text: str) -> str:
    """Both that a number below 1 may mean: who writes 0.2 rather thinks of a fifth than of two in a thousand."""
    same = f"`{text}%`" if _PORTION.fullmatch(f"{text}%") else ""
    if same and 0 < float(text) < 1:
        return f"write `{100 * float(text):.4g}%`, or {same} if you mean so few"
    return f"write {same}" if same else ""


def _suggest_key(text: str) -> str:
    without_accents = normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9]+", "_", without_accents).strip("_")[:64]
    return f"for example `{plain}`" if _KEY.fullmatch(plain) else ""


def _shown(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    if _is_null(node) or not node.value.strip():
        return "empty"
    return f"`{node.value.strip().splitlines()[0]}`"
