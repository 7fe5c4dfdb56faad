"""Commands are packed as hiredis packs them."""

import hiredis
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.state.redis_node import Command
from streamproc.state.resp import pack_commands

COMMANDS = st.lists(st.lists(st.binary() | st.text() | st.integers(), min_size=1))


@given(COMMANDS)
def test_as_hiredis_packs_them(commands: list[Command]) -> None:
    # hiredis types its argument as a tuple of exactly one element
    packed = [hiredis.pack_command(tuple(command)) for command in commands]  # type: ignore[arg-type]
    assert pack_commands(commands) == b"".join(packed)


def test_lengths_of_all_digits() -> None:
    """And words that are a kind of int, as numpy's are."""
    for size in (0, 9, 10, 99, 100, 12_345):
        words = (b"a" * size,) * (size + 1)
        assert pack_commands([words]) == b"*%d\r\n" % (size + 1) + (b"$%d\r\n%b\r\n" % (size, words[0])) * (
            size + 1
        )
    assert pack_commands([(np.int64(-7), True)]) == b"*2\r\n$2\r\n-7\r\n$1\r\n1\r\n"
