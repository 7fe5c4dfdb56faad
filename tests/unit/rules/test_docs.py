"""docs/rules.md and docs/cutoffs.md: every example can be used as it stands, and every feature is listed."""

import re
from pathlib import Path

import pytest

from streamproc.rules.load import check_text

DOCS = Path(__file__).parents[3] / "docs"
PAGE, CUTOFFS = ((DOCS / name).read_text() for name in ("rules.md", "cutoffs.md"))
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE + CUTOFFS, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_rules_files(example: str) -> None:
    """Without errors or warnings, except for the half of a group."""
    assert check_text(example, "docs/rules.md")[1] == []


def test_the_error_shown_is_the_error_given() -> None:
    """The sample of a message is what `lint` says today."""
    example = EXAMPLES[0].replace("recency", "recenzy")
    _, (problem,) = check_text(example, "rules.yaml")
    assert str(problem) in PAGE
