"""Columns: taking rows and joining chunks."""

from typing import get_args, get_type_hints

import numpy as np
import pytest

from streamproc.contracts.columns import EVENT_DTYPE, EventColumns, EventRows, concat
from tests.unit.contracts.events import decode, event, track

_COLUMNS = EVENT_DTYPE.names or ()


@pytest.fixture(name="columns")
def _columns() -> EventColumns:
    return decode(
        event(userId="a", messageId="1"),
        track("Order Completed", userId="b", messageId="2", properties={"revenue": 1}),
        track("Unsubscribed", userId="c", messageId="3"),
    ).columns


def _rows(columns: EventColumns) -> list[tuple[object, ...]]:
    fields = [list(getattr(columns, name)) for name in _COLUMNS]
    return list(zip(columns.customer, *fields, strict=True))


def test_take_keeps_the_order_of_the_index(columns: EventColumns) -> None:
    """Also where a row is taken twice, or none is."""
    rows = _rows(columns)
    assert _rows(columns.take(np.array([2, 0, 2]))) == [rows[2], rows[0], rows[2]]
    assert _rows(columns.take([])) == []
    assert len(columns.take([1])) == 1


def test_take_by_a_mask(columns: EventColumns) -> None:
    """The true rows."""
    rows = _rows(columns)
    assert _rows(columns.take(np.array([True, False, True]))) == [rows[0], rows[2]]


def test_concat_joins_in_order_and_keeps_dtypes(columns: EventColumns) -> None:
    """Empty parts do no harm."""
    joined = concat([columns.take([1]), columns.take([]), columns])
    assert _rows(joined) == [_rows(columns)[1], *_rows(columns)]
    for name in _COLUMNS:
        assert getattr(joined, name).dtype == EVENT_DTYPE[name]


def test_every_column_is_told_and_has_the_type_that_is_told() -> None:
    """The annotations are what mypy and readers know; EVENT_DTYPE is what is stored."""
    told = get_type_hints(EventColumns)
    assert told.pop("customer") == list[str]
    assert told.pop("rows") == EventRows
    assert sorted(told) == sorted(_COLUMNS)
    for name, column in told.items():
        (scalar,) = get_args(get_args(column)[1])
        assert EVENT_DTYPE[name].type is scalar
