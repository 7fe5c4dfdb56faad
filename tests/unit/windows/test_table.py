"""Customers taken out of a batch, and batches put together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.windows.table import SPARSE_TABLES, CustomerTable, concat, new_customers


def some_customers(sizes: list[int]) -> CustomerTable:
    """Customers with so many rows in each table, more in the later ones, all of them different."""
    table = new_customers([f"c{i}" for i in range(len(sizes))])
    table.head["events"] = np.arange(len(sizes))
    table.origin = np.arange(len(sizes)) * 10
    for nth, (name, dtype) in enumerate(SPARSE_TABLES.items()):
        rows = np.zeros(sum(sizes) * nth, dtype)
        rows["row"] = np.repeat(np.arange(len(sizes)), np.array(sizes, np.int64) * nth)
        rows[dtype.names[-1]] = np.arange(len(rows)) + 1  # type: ignore[index]
        setattr(table, name, rows)
    return table


@given(sizes=st.lists(st.integers(0, 3), max_size=8), data=st.data())
def test_taken_customers_are_the_same_renumbered(sizes: list[int], data: st.DataObject) -> None:
    table = some_customers(sizes)
    chosen = sorted(data.draw(st.sets(st.integers(0, len(sizes) - 1))) if sizes else [])
    taken = table.take(np.array(chosen, np.int64))
    assert taken.ids == [f"c{i}" for i in chosen]
    assert taken.head["events"].tolist() == chosen
    assert taken.origin.tolist() == [10 * i for i in chosen]
    for name in SPARSE_TABLES:
        expected = [
            (chosen.index(row), *rest) for row, *rest in getattr(table, name).tolist() if row in chosen
        ]
        assert getattr(taken, name).tolist() == expected
        assert not np.shares_memory(getattr(taken, name), getattr(table, name))


@given(sizes=st.lists(st.integers(0, 3), min_size=1, max_size=8), cut=st.integers(0, 8))
def test_put_together_again_they_are_as_before(sizes: list[int], cut: int) -> None:
    table, rows = some_customers(sizes), np.arange(len(sizes))
    again = concat([table.take(rows[:cut]), table.take(rows[cut:])])
    assert again.ids == table.ids
    for name in ("head", "origin", *SPARSE_TABLES):
        assert (getattr(again, name) == getattr(table, name)).all()
