"""Places of characters of a YAML value, in all of YAML's styles."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from yaml.nodes import ScalarNode

from streamproc.rules.positions import Lines, source_index


def value_node(document: str) -> ScalarNode:
    """The node of the first value in a mapping."""
    root = yaml.compose(document, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    node = root.value[0][1]
    assert isinstance(node, ScalarNode)
    return node


@given(
    st.lists(st.text("ab>('\"#:&!ü会\\ ", min_size=1, max_size=6), min_size=1, max_size=12),
    st.sampled_from([" ", "  ", "\n", "\n\n"]),
    st.sampled_from([None, "'", '"', "|", ">"]),
)
def test_every_visible_character_is_found(words: list[str], between: str, style: str | None) -> None:
    """However YAML folds, indents or quotes a text, its character is found in the file."""
    text = between.join(words)
    document = yaml.dump({"rule": text}, default_style=style, width=30, allow_unicode=True)
    node = value_node(document)
    for offset, character in enumerate(node.value):
        if not character.isspace():
            found = source_index(document, node, offset)
            written = document[found : found + 2]
            assert written[0] == character or written in (f"\\{character}", f"'{character}")


WRITTEN = {
    "plain": ("rule: recency >  ", 15),
    "single quoted": ("rule: 'recency >  '", 16),
    "double quoted": ('rule: "recency >\\x20\\t\\n"', 16),
    "block": ("rule: |  # a comment\n\n  recency\n  >\n", 35),
    "folded": ("rule: >+\n  recency\n  >\n\n", 22),
    "tagged": ("rule: !!str # a comment\n  &anchor recency >", 43),
}


@pytest.mark.parametrize("style", WRITTEN)
def test_the_end_is_behind_the_last_visible_character(style: str) -> None:
    """There an expression that ends too early is reported."""
    document, expected = WRITTEN[style]
    node = value_node(document)
    assert source_index(document, node, len(node.value.rstrip())) == expected


def test_lines_end_where_yaml_ends_them() -> None:
    """Unix, Windows, old Mac and Unicode line breaks."""
    lines = Lines("a\nb\r\nc\rd\x85e\u2028f")
    assert [lines.place(index) for index in (0, 2, 5, 7, 9, 11)] == [
        (1, 1, "a"),
        (2, 1, "b"),
        (3, 1, "c"),
        (4, 1, "d"),
        (5, 1, "e"),
        (6, 1, "f"),
    ]
