"""Contacts: the latest 64 of a customer, whatever the order in which they are told."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.windows.contacts import CONTACT_DTYPE, CONTACTS_MAX, follow_contacts
from streamproc.windows.table import Table
from tests.unit.events import events

NOTHING = np.empty(0, CONTACT_DTYPE)
CUSTOMERS = 3
#: (customer, channel or -1, when): few instants, so that they meet.
TOLD = st.lists(
    st.tuples(st.integers(0, CUSTOMERS - 1), st.integers(-1, 4), st.integers(0, 30)), max_size=250
)


def follow(contacts: Table, told: Sequence[tuple[int, int, int]]) -> Table:
    row = np.array([customer for customer, _, _ in told], np.int64)
    new = events(["c"] * len(told), [at for *_, at in told], contact=[channel for _, channel, _ in told])
    return follow_contacts(contacts, row, new, CUSTOMERS)


def test_they_are_sorted_by_customer_instant_and_channel() -> None:
    contacts = follow(follow(NOTHING, [(1, 2, 9), (0, 0, 5), (1, -1, 6)]), [(1, 1, 9), (0, 3, 2)])
    assert contacts.tolist() == [(0, 3, 2), (0, 0, 5), (1, 1, 9), (1, 2, 9)]


def test_who_was_not_contacted_has_none() -> None:
    """And nothing is copied."""
    contacts = follow(NOTHING, [(0, 0, 5)])
    assert follow(contacts, [(0, -1, 6)]) is contacts


@given(told=TOLD, cut=st.integers(0, 250), seed=st.randoms())
def test_the_latest_are_kept_in_whatever_order_they_come(
    told: list[tuple[int, int, int]], cut: int, seed: st.randoms
) -> None:
    """Of one customer, by instant and channel."""
    shuffled = seed.sample(told, len(told))
    contacts = follow(follow(NOTHING, shuffled[:cut]), shuffled[cut:])
    expected = []
    for customer in range(CUSTOMERS):
        mine = sorted((at, channel) for who, channel, at in told if who == customer and channel >= 0)
        expected += [(customer, channel, at) for at, channel in mine[-CONTACTS_MAX:]]
    assert contacts.tolist() == expected
