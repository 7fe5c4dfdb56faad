"""What is wrong with a rules file, as `lint` shows it."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from streamproc.cli.facts import counted
from streamproc.rules.problems import Problem

_STYLES: Final = {"error": "bold red", "warning": "bold yellow"}


def print_problems(console: Console, problems: Sequence[Problem]) -> None:
    """Each with its place, the line, and what was probably meant."""
    for problem in problems:
        text = Text(str(problem))
        text.highlight_words([f"{problem.severity}:"], _STYLES[problem.severity])
        text.highlight_regex(r"(?m)^ +\^$", _STYLES[problem.severity])
        console.print(text, end="\n\n")


def print_verdict(console: Console, name: str, problems: Sequence[Problem], size: str | None) -> None:
    """How many there are. `size`: of what is in the file; None: it cannot be used."""
    counts = Counter(problem.severity for problem in problems)
    found = [counted(count, severity) for severity, count in sorted(counts.items())]
    verdict = ", ".join(found) or "no problems"
    if size is not None:
        verdict += f" in {size}"
    console.print(Text(f"{name}: {verdict}", "red" if size is None else "green"))
