"""The nearest right name for a wrong one."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """A hint such as "did you mean `recency`?"; empty if nothing comes near.

    Case does not count: `Recency` is near `recency`.
    """
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean `{by_lower[found[0]]}`?" if found else ""


def one_of(candidates: Iterable[str]) -> str:
    """A list for a message: "`a`, `b` or `c`"."""
    quoted = [f"`{candidate}`" for candidate in candidates]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"
