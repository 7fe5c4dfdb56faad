"""docs/rules.md: every example can be used as it stands, and every feature is listed."""

import re
from pathlib import Path

import pytest

from streamproc.rules.load import check_text

PAGE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_rules_files(example: str) -> None:
    """Without errors or warnings, except for the half of a group."""
    assert check_text(example, "docs/rules.md")[1] == []


def test_the_error_shown_is_the_error_given() -> None:
    """The sample of a message is what `lint` says today."""
    example = EXAMPLES[0].replace("recency", "recenzy")
    _, (problem,) = check_text(example, "rules.yaml")
    assert str(problem) in PAGE
