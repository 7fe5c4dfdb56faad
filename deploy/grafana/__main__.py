"""`python -m deploy.grafana` writes the dashboards; with `--check` it says which of them are others."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana import business, operations

FOLDER: Final = Path(__file__).parent / "dashboards"


def rendered() -> Mapping[Path, str]:
    """File -> its text."""
    made = {"operations": operations.dashboard(), "business": business.dashboard()}
    return {
        FOLDER / f"{name}.json": json.dumps(whole, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for name, whole in made.items()
    }


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 if `--check` finds a difference."""
    differing = [
        path
        for path, text in rendered().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in arguments:
        for path in differing:
            print(f"{path.name} is not what deploy/grafana/ makes of it: make dashboards", file=sys.stderr)
        return 1 if differing else 0
    for path, text in rendered().items():
        path.write_text(text, encoding="utf-8")
    print(f"wrote {len(differing)} of {len(rendered())} dashboards anew")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
