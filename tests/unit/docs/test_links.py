"""Links and commands in the documentation lead somewhere."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from streamproc.cli.group import group

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
INLINE_CODE = re.compile(r"`([^`]+)`")
ENVIRONMENT = re.compile(r"^(\w+=\S* )*")


def by_name(page: Path) -> str:
    """For the names of the tests."""
    return str(page.relative_to(ROOT))


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(text: str) -> Iterator[str]:
    """Every call of `streamproc` that is written as code, without what stands before and after it."""
    shell = [line for kind, block in FENCE.findall(text) if kind == "sh" for line in block.splitlines()]
    for code in (*shell, *INLINE_CODE.findall(FENCE.sub("", text).replace("\n", " "))):
        for part in re.split(r"&&|\|", code):
            call = ENVIRONMENT.sub("", part.strip().removeprefix("$ "))
            if call.startswith("streamproc "):
                yield call


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_relative_links_resolve(page: Path) -> None:
    """To files that exist and headings that the page has."""
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} does not exist"
        if anchor:
            assert anchor in slugs(file), f"{target}: {file.name} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_commands_exist(page: Path) -> None:
    """With their options; what a group lacks is an error, not an argument."""
    for call in commands(page.read_text(encoding="utf-8")):
        command: click.Command = group
        words = shlex.split(call, comments=True)[1:]
        options = {option for parameter in group.params for option in (*parameter.opts, "--help")}
        for word in words:
            if isinstance(command, click.Group) and not word.startswith("-"):
                found = command.get_command(click.Context(command), word)
                assert found is not None, f"`{call}`: no command {word}"
                command = found
                options = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
            elif word.startswith("--"):
                assert word.partition("=")[0] in options, f"`{call}`: no option {word}"


def test_an_index_lists_every_page() -> None:
    """docs/README.md."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = {target.partition("#")[0] for target in LINK.findall(index)}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"} <= linked
