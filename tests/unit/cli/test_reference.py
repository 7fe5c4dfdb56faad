"""docs/metrics.md and docs/features.md."""

from pathlib import Path

import pytest

from streamproc.cli.reference import PARTS
from streamproc.contracts.tables import fill
from streamproc.features.registry import FEATURES
from streamproc.metrics import CATALOGUE

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", ["metrics.md", "features.md"])
def test_the_pages_are_up_to_date(name: str) -> None:
    """Else: run `streamproc schemas`."""
    text = (DOCS / name).read_text(encoding="utf-8")
    assert "<!-- generated: " in text
    assert fill(text, PARTS) == text


def test_every_metric_has_a_row() -> None:
    """With the name under which Prometheus knows it."""
    page = PARTS["metrics"]("worker") + PARTS["metrics"]("webhooks")
    assert all(f"| `streamproc_{definition.name}` |" in page for definition in CATALOGUE)


def test_every_feature_has_a_row_and_windows_share_one() -> None:
    """A family's row names all its windows."""
    for feature in FEATURES.values():
        rows = [line for line in PARTS["features"](feature.kind).splitlines() if line.startswith("| `")]
        if feature.window is None:
            assert sum(f"| `{feature.name}` |" in row for row in rows) == 1
        else:
            family = feature.name.removesuffix(feature.window.name) + "W"
            (row,) = [row for row in rows if f"| `{family}` |" in row]
            assert feature.window.name in row.split("|")[5].strip().split(", ")
