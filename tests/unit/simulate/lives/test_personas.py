"""The kinds of customers."""

import re
from pathlib import Path

import pytest

from streamproc.simulate.lives.personas import PERSONAS, persona_at

PAGE = Path(__file__).parents[4] / "docs" / "simulate.md"


def test_their_shares_are_all_of_the_customers() -> None:
    """And stand in a row from 0 to 1."""
    assert sum(persona.share for persona in PERSONAS) == pytest.approx(1)
    assert persona_at(0.0) is PERSONAS[0]
    assert persona_at(PERSONAS[0].share) is PERSONAS[1]
    assert persona_at(0.999_999) is PERSONAS[-1]


def test_the_page_lists_them_with_their_shares() -> None:
    """docs/simulate.md."""
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(persona.name, f"{100 * persona.share:.0f}") for persona in PERSONAS]
