"""docs/doctor.md lists the checks of `streamproc doctor`."""

import re
from pathlib import Path

from streamproc.api.checkup import CHECKS

PAGE = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text(encoding="utf-8")


def test_every_check_is_listed_as_the_program_has_it() -> None:
    """By name, in its order, in its words."""
    table = PAGE.partition("<!-- checks")[2].partition("\n\nWhat cannot be asked")[0]
    assert dict(re.findall(r"^\| `([\w.]+)` \| (.+) \|$", table, re.MULTILINE)) == CHECKS
