"""Which rules file a command is about: the one it is given, else that of the settings; and its cut-offs."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from streamproc.rules.cutoff_values import CutoffValues, load_cutoffs
from streamproc.settings import load_settings

_VARIABLE: Final = "STREAMPROC_RULES"
_VARIABLES: Final = (_VARIABLE, f"{_VARIABLE}_FILE")
_CUTOFFS: Final = ("STREAMPROC_CUTOFFS", "STREAMPROC_CUTOFFS_FILE")


def rules_path(given: Path | None) -> Path | None:
    """The file of an option or an argument, else that of the settings; None: the packaged playbook.

    No other setting is read, so a mistake there is none here. Raises StreamprocError if two files are set.
    """
    return load_settings(
        {name: value for name, value in with_rules(given).items() if name in _VARIABLES}
    ).rules_path


def cutoffs_in_force() -> CutoffValues:
    """The values of cut-offs that the settings name. No other setting is read.

    Raises StreamprocError if they cannot be read.
    """
    return load_cutoffs(
        load_settings({name: os.environ[name] for name in _CUTOFFS if name in os.environ}).cutoffs_path
    )


def with_rules(given: Path | None) -> Mapping[str, str]:
    """The environment; a file that is given takes the place of the one that is set."""
    if given is None:
        return os.environ
    others = {name: value for name, value in os.environ.items() if name not in _VARIABLES}
    return {**others, _VARIABLE: str(given)}
