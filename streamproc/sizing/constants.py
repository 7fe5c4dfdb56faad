"""What was measured, in one file: each figure with the page that has it and the command that makes it again."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

_FILE: Final = "constants.yaml"
#: How many rules were measured, in the constants' names.
_RULES: Final = {"few": 12, "some": 100, "many": 500}


class Constant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One figure. `row`: a piece of `page` that has it. `value` is a table only of latencies."""

    value: float | tuple[tuple[float, float, float], ...]
    unit: str
    of: str
    page: str
    row: str
    command: str
    date: date

    @property
    def number(self) -> float:
        """The value of a figure that is one number."""
        assert isinstance(self.value, float | int)
        return self.value

    @property
    def table(self) -> tuple[tuple[float, float, float], ...]:
        """The rows of a figure that is a table."""
        assert isinstance(self.value, tuple)
        return self.value


@cache
def constants() -> Mapping[str, Constant]:
    """All of them, by name."""
    raw = files(__package__).joinpath(_FILE).read_bytes()
    return msgspec.yaml.decode(raw, type=dict[str, Constant])


def under_rules(name: str, rules: int) -> float:
    """What `rules_..._<name>` is under so many rules: straight between those measured, and straight on beyond them."""
    few, some, many = (
        (count, constants()[f"rules_{which}_{name}"].number) for which, count in _RULES.items()
    )
    (count, value), (next_count, next_value) = (few, some) if rules <= some[0] else (some, many)
    return value + (rules - count) * (next_value - value) / (next_count - count)
