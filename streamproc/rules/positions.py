"""Where a character of a YAML scalar's value stands in the file.

YAML folds lines, strips indentation and knows escapes, but it never reorders: the visible characters of the
value are those of its source, one for one. So the n-th visible character here is the n-th there.
"""

import re
from bisect import bisect_right
from typing import Final

from yaml.nodes import ScalarNode
from yaml.scanner import Scanner

#: What stands for one character that may be visible, by the style of the scalar (None: plain).
_CHARACTER: Final = {
    "'": re.compile(r"''|[^\s']"),
    '"': re.compile(r'\\(?:x..|u.{4}|U.{8}|.|\n)|[^\s"\\]'),
    None: re.compile(r"\S"),
}
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+(?:#.*\s*)*)+")  # an anchor or a tag before the value
_LINE_BREAK: Final = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")


class Lines:
    """The lines of a text, by YAML's idea of a line break."""

    def __init__(self, text: str) -> None:
        breaks = [match.span() for match in _LINE_BREAK.finditer(text)]
        self._starts = [0, *(end for _, end in breaks)]
        self._ends = [*(start for start, _ in breaks), len(text)]
        self._text = text

    def place(self, index: int) -> tuple[int, int, str]:
        """Line and column, from 1, of the character at `index`, and the text of that line."""
        line = bisect_right(self._starts, index) - 1
        start = self._starts[line]
        return line + 1, index - start + 1, self._text[start : self._ends[line]]


def source_index(text: str, node: ScalarNode, offset: int) -> int:
    """The index into `text` of the character at `offset` of the node's value.

    For white space and for the end of the value: right behind the visible character before it.
    """
    source = _visible_source(text, node)
    before = sum(not character.isspace() for character in node.value[:offset])
    visible = offset < len(node.value) and not node.value[offset].isspace()
    if visible and before < len(source):
        return source[before]
    return source[before - 1] + 1 if 0 < before <= len(source) else int(node.start_mark.index)


def _visible_source(text: str, node: ScalarNode) -> list[int]:
    start, end = node.start_mark.index, node.end_mark.index
    if match := _PROPERTIES.match(text, start, end):
        start = match.end()
    if node.style in ("|", ">"):
        header = _LINE_BREAK.search(text, start, end)
        start = header.end() if header else end
    elif node.style:
        start, end = start + 1, end - 1
    pattern = _CHARACTER.get(node.style, _CHARACTER[None])
    return [
        match.start()
        for match in pattern.finditer(text, start, end)
        if node.style != '"' or not _unescaped(match.group()).isspace()
    ]


def _unescaped(written: str) -> str:
    if not written.startswith("\\"):
        return written
    if written[1] in "xuU":
        return chr(int(written[2:], 16))
    replacement: str = Scanner.ESCAPE_REPLACEMENTS.get(written[1], written[1])
    return replacement
