"""Which permissions a check-up asks for, and how it tells refusals apart."""

import re
from pathlib import Path

import pytest

from streamproc.state.keys import Keyspace
from streamproc.state.redis_checks import needed_commands, why_not
from streamproc.state.store import StoreUnavailable

DOCS = Path(__file__).parents[3] / "docs"
KEYS = Keyspace("acme.", "workers").shard(3)
TRANSACTIONS = {"watch", "multi", "exec", "discard"}


def test_the_permissions_are_those_of_the_docs() -> None:
    """One list for people, in `users.acl`, and one that is tried out."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md")))
    line = re.search(r"^ {4}~sp:\* (\+.+)$", pages, re.MULTILINE)
    assert line is not None
    documented = {part.removeprefix("+") for part in line[1].split()}
    assert {name for name, _ in needed_commands(KEYS)} | TRANSACTIONS == documented


def test_only_keys_of_the_shard_are_named() -> None:
    """A user may be confined to them."""
    for name, command in needed_commands(KEYS):
        keys = [
            word for word in command[1:] if isinstance(word, bytes) and b":" in word and b"\n" not in word
        ]
        assert all(key.startswith(b"sp:acme.:workers:{3}:") for key in keys), name


@pytest.mark.parametrize(
    ("message", "cause", "fix"),
    [
        ("denies access: invalid username-password pair", None, "correct user and password"),
        ("does not serve: Name or service not known", None, "correct the host"),
        ("does not serve", ConnectionRefusedError(), "start Redis"),
        ("refused: Protocol error", None, "something else than Redis"),
        ("does not serve: no reply within 5 s", None, "firewall"),
        ("does not serve: BUSY", None, "as it was"),
    ],
)
def test_refusals_are_told_apart(message: str, cause: Exception | None, fix: str) -> None:
    error = StoreUnavailable(f"Redis at r:6379 {message}", fix="as it was")
    error.__cause__ = cause
    assert why_not(error)[0] == error.message
    assert fix in why_not(error)[1]
