"""Segments as people read them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from streamproc.api.wording import Words
from streamproc.rules.literals import format_duration

_JOINTS: Final = {"all": "all of these:", "any": "one of these:"}


def print_segments(console: Console, described: Sequence[dict[str, Any]]) -> None:
    """A block for each segment, as `describe_segment` describes it."""
    if not described:
        console.print("no segments", style="dim")
    for place, segment in enumerate(described):
        if place:
            console.print()
        _print_title(console, segment)
        console.print(Text(f"  enter  {segment['enter']}"))
        console.print(Text(f"  exit   {segment['exit'] or 'when enter no longer holds'}"))


def tell_cutoff(name: str, described: dict[str, Any]) -> str:
    """A cut-off, as `describe_cutoff` describes it: `heavy_use: 12 (sampled; 80% of sessions_30d)`"""
    quantile = "" if described["quantile"] is None else f"{described['quantile']}% of "
    return f"{name}: {described['value']} ({described['source']}; {quantile}{described['feature']})"


def print_explained(console: Console, explained: dict[str, Any]) -> None:
    """What `explain_segment` says."""
    _print_title(console, explained)
    _section(console, "Gets in, if", word_lines(explained["enters_if"]))
    same = explained["stays_while"] == explained["enters_if"]
    _section(console, "Stays, while", ["that holds"] if same else word_lines(explained["stays_while"]))
    _section(console, "Leaves, if", [*word_lines(explained["leaves_if"]), *_dwell(explained["min_dwell_ms"])])
    _section(console, "With little history", _told(explained["unknown"], "until"))
    _section(console, "In silence", _silence(explained["in_silence"]))
    _section(console, "Comes after", _rivals(explained))
    campaigns = (
        f"{campaign['key']} ({campaign['channel']}): {campaign['reason']}"
        for campaign in explained["campaigns"]
    )
    _section(console, "Entering asks for", campaigns)


def _print_title(console: Console, segment: dict[str, Any]) -> None:
    rank = f"{segment['group']}, priority {segment['priority']}; " if segment["group"] else ""
    title = (
        (segment["key"], "bold"),
        f"  {segment['name']}  ",
        (f"({rank}version {segment['version']})", "dim"),
    )
    console.print(Text.assemble(*title))
    if segment["description"]:
        console.print(Text(f"  {segment['description']}"))


def _section(console: Console, title: str, lines: Iterable[str]) -> None:
    """Nothing, if there are no lines."""
    for place, line in enumerate(lines):
        if not place:
            console.print()
            console.print(Text(title, "bold"))
        console.print(Text(f"  {line}"))


def word_lines(words: Words) -> Iterator[str]:
    """Conditions in words, those of a tree one a line."""
    if isinstance(words, str):
        yield words
        return
    for joint, children in words.items():
        yield _JOINTS[joint]
        for child in children:
            for place, line in enumerate(word_lines(child)):
                yield f"{'    ' if place else '  - '}{line}"


def _dwell(min_dwell_ms: int) -> Iterator[str]:
    if min_dwell_ms:
        yield f"but not before {format_duration(min_dwell_ms)} inside"


def _told(items: Iterable[dict[str, Any]], key: str) -> Iterator[str]:
    for item in items:
        yield item["condition"]
        yield f"    {item[key]}"


def _silence(in_silence: dict[str, list[dict[str, str]]]) -> Iterator[str]:
    for way, wording in (("enter", "gets in"), ("leave", "leaves")):
        ways = in_silence[way]
        if not ways:
            yield f"nobody {wording}"
            continue
        yield (
            f"somebody {wording}, as one of these comes true:" if len(ways) > 1 else f"somebody {wording}, as"
        )
        yield from (f"  {line}" for line in _told(ways, "when"))


def _rivals(explained: dict[str, Any]) -> Iterator[str]:
    if explained["outranked_by"]:
        yield f"{', '.join(explained['outranked_by'])}: who fits there, is there and not here"
