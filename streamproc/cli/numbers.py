"""Numbers as people write them."""

import re
from typing import Final

import click

_FORM: Final = re.compile(r"(\d[\d_,]*(?:\.\d+)?(?:[eE]\+?\d+)?)\s*([kKmMgGbB]?)")
_SIZES: Final = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000, "b": 1_000_000_000}


class Amount(click.ParamType):
    """10M, 50k, 1.5G, 1e6, 200_000: a positive number."""

    name = "amount"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; fails with what would be one."""
        found = _FORM.fullmatch(str(value).strip())
        amount = (
            float(found[1].replace("_", "").replace(",", "")) * _SIZES[found[2].lower()] if found else 0.0
        )
        if amount <= 0:
            self.fail(f"{value!r} is no positive number: 10M, 50k, 1.5G, 1e6 or 200000", param, ctx)
        return amount
