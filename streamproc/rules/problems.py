"""What is wrong with a rules file, and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from unicodedata import east_asian_width

from streamproc.contracts.printable import printable
from streamproc.errors import StreamprocError


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, or one thing that is probably not meant (a warning).

    `line` and `column` count from 1, 0: it is about the whole file; `source` is the line's text, empty where there is
    none. `section`: the key of the top level in which it stands; empty: none.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    source: str = ""
    severity: Literal["error", "warning"] = "error"
    section: str = ""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def __str__(self) -> str:
        """The problem as compilers show it: place and message, the line with a caret, the hint."""
        lines = [f"{self.place}: {self.severity}: {self.message}"]
        if self.source:
            shown = printable(self.source, keep="\t")
            lines += [f"    {shown}", f"    {_blank(shown[: self.column - 1])}^"]
        if self.hint:
            lines.append(f"  {self.hint}")
        return "\n".join(lines)


class RulesError(StreamprocError):
    """A rules file that cannot be used, with all its problems."""

    def __init__(
        self,
        problems: Sequence[Problem],
        fix: str = "correct the file; `streamproc segments lint` checks it",
    ) -> None:
        self.problems = list(problems)
        if not problems[0].line:
            super().__init__(f"{problems[0].file}: {problems[0].message}", fix=problems[0].hint)
            return
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        message = "\n".join([f"{problems[0].file} has {count}", *map(str, problems)])
        super().__init__(message, fix=fix)


def _blank(text: str) -> str:
    """White space as wide as `text` is on a terminal."""
    wide = {"W": "  ", "F": "  "}
    return "".join("\t" if sign == "\t" else wide.get(east_asian_width(sign), " ") for sign in text)
