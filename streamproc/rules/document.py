"""A YAML document with the places of its values, and what is wrong with it."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from typing import Final, Literal

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from streamproc.rules.positions import Lines, source_index
from streamproc.rules.problems import Problem

#: Reading ends with so many errors: a file of another kind has one on every line.
MAX_ERRORS: Final = 100
#: Longer lines are not shown beside their problem, and longer messages are cut.
_SHOWN_CHARACTERS: Final = 500

_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_SYNTAX_HINTS: Final = {
    "mapping values are not allowed here": "put texts that contain `: ` in quotes; check the indentation",
    "could not find expected ':'": "every entry looks like `name: value`",
    "that cannot start any token": "indent with spaces, not tabs; put texts with special signs in quotes",
    "expected <block end>": "check the indentation: entries that belong together start in one column",
    "found another document": "remove the line `---`",
}


class TooManyErrors(Exception):
    """The document has MAX_ERRORS errors, and no more of them are wanted."""


class Document:
    """One YAML file. `problems` collects what is wrong with it, so that all is told in one go.

    Every method that notes an error raises TooManyErrors with the last that is wanted.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._errors = 0
        self._text = text
        self._lines = Lines(text)
        self._sections: list[tuple[int, str]] = []

    def root(self) -> Node | None:
        """The document's one node; None if it is empty or not YAML. Builds nothing but nodes."""
        try:
            root: Node | None = yaml.compose(self._text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            text = ", ".join(filter(None, (error.context, error.problem)))
            hint = next((hint for sign, hint in _SYNTAX_HINTS.items() if sign in text), "")
            self._report_at(mark.index if mark else 0, f"this is not YAML: {text}", hint)
        except yaml.reader.ReaderError as error:
            message = f"this is not YAML: the control character U+{error.character:04X} is not allowed"
            self._report_at(error.position, message, "remove it")
        except RecursionError:
            self._report_at(0, "this is nested too deep to be a rules file")
        else:
            if root is None:
                self._report_at(0, "the file is empty", "start with `segments:`; docs/rules.md shows how")
            else:
                self._sections = list(_sections(root))
                if self._is_text(root):
                    return root
        return None

    def _is_text(self, root: Node) -> bool:
        """Whether all values are texts: an escape such as `\\uD800` is half a character, which no encoding takes."""
        halves, seen, nodes = False, set(), [root]
        while nodes:
            node = nodes.pop()
            if id(node) in seen:  # an alias
                continue
            seen.add(id(node))
            if not isinstance(node, ScalarNode):
                nodes += chain.from_iterable(node.value) if isinstance(node, MappingNode) else node.value
            elif _SURROGATE.search(node.value):
                halves = True
                self.report(node, "half of a surrogate pair is no character", "write the character itself")
        return not halves

    def report(self, node: Node, message: str, hint: str = "") -> None:
        """Note an error at the start of `node`."""
        self._report_at(node.start_mark.index, message, hint)

    def report_inside(
        self,
        node: ScalarNode,
        offset: int,
        message: str,
        hint: str = "",
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        """Note a problem at the character `offset` of the node's value."""
        self._report_at(source_index(self._text, node, offset), message, hint, severity)

    def line(self, node: Node) -> int:
        """The line, from 1, on which `node` starts."""
        return int(node.start_mark.line) + 1

    def _report_at(
        self, index: int, message: str, hint: str = "", severity: Literal["error", "warning"] = "error"
    ) -> None:
        line, column, source = self._lines.place(index)
        shown = source if len(source) <= _SHOWN_CHARACTERS else ""
        told = message if len(message) <= _SHOWN_CHARACTERS else f"{message[:_SHOWN_CHARACTERS]} …"
        place = bisect_right(self._sections, index, key=lambda section: section[0])
        name = self._sections[place - 1][1] if place else ""
        self.problems.append(Problem(self.file, line, column, told, hint, shown, severity, name))
        if severity == "error":
            self._errors += 1
            if self._errors >= MAX_ERRORS:
                raise TooManyErrors


def _sections(root: Node) -> Iterator[tuple[int, str]]:
    """Where each key of the top level begins, and its name."""
    if isinstance(root, MappingNode):
        for key, _ in root.value:
            if isinstance(key, ScalarNode):
                yield int(key.start_mark.index), str(key.value)
