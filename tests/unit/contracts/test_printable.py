"""Texts that others wrote, on a terminal."""

import orjson
import pytest

from streamproc.contracts.printable import printable, printable_json, printable_values


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("Zoë 李 100 % [red]", "Zoë 李 100 % [red]"),
        ("\x1b[2Jgone", "\ufffd[2Jgone"),
        ("\x9b2J", "\ufffd2J"),  # the same in one sign
        ("a\nb\r\tc\x07", "a\ufffdb\ufffd\ufffdc\ufffd"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),  # writes from right to left
        ("\ud800", "\ufffd"),
    ],
)
def test_what_moves_a_cursor_is_replaced(text: str, shown: str) -> None:
    """One sign by one sign."""
    assert printable(text) == shown
    assert printable(text, keep=text) == text


@pytest.mark.parametrize("option", [None, orjson.OPT_INDENT_2])
def test_json_says_the_same(option: int | None) -> None:
    """What JSON does not escape by itself: DEL, the signs of one byte that are escape codes, direction, others."""
    value = {"a\x9b": ["\x7f\x1b[2J\x9b2J\n\u202e", "Zoë 李 😀", "\U000e0001", "\\"]}
    shown = printable_json(orjson.dumps(value, option=option))
    assert shown.replace("\n", "").isprintable()
    assert "Zoë 李 😀" in shown
    assert orjson.loads(shown) == value


def test_values_at_any_depth() -> None:
    """Numbers, and the keys of objects, stay."""
    values = {"a\n": ["b\x1b", {"c": "d\n"}], "n": 1, "none": None, "yes": True, "part": 0.5}
    assert printable_values(values) == {**values, "a\n": ["b\ufffd", {"c": "d\ufffd"}]}
    assert values["a\n"] == ["b\x1b", {"c": "d\n"}]
