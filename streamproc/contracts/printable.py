"""Texts that others wrote, made fit for a terminal: none of their signs can move its cursor or change its colours."""

from typing import Any, Final

_UNPRINTABLE: Final = "\ufffd"


def printable(text: str, keep: str = "") -> str:
    """The text with U+FFFD for each sign that is not printable, line ends too; as long as before. `keep`: stay."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in keep else _UNPRINTABLE for sign in text)


def printable_json(text: bytes) -> str:
    """JSON that says the same, with every sign that is not printable escaped; line ends between values stay."""
    plain = text.decode()
    if plain.replace("\n", "").isprintable():
        return plain
    return "".join(sign if sign.isprintable() or sign == "\n" else _escaped(sign) for sign in plain)


def _escaped(sign: str) -> str:
    units = sign.encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def printable_values(value: Any) -> Any:
    """JSON values with all texts printable. Keys of objects stay as they are: no two may become one."""
    match value:
        case str():
            return printable(value)
        case dict():
            return {key: printable_values(item) for key, item in value.items()}
        case list():
            return [printable_values(item) for item in value]
        case _:
            return value
