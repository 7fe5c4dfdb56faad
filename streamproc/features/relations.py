"""Relations of n customers: what windows are in relation to each other. They change whenever one of them does."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.hashes import text_hash
from streamproc.features.registry import FEATURES, Feature
from streamproc.features.totals import NO_VALUE
from streamproc.features.windows import WindowColumns

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CHANNEL_OF_CODE: Final = {text_hash(channel): channel for channel in ("web", "app")}
_WEB, _APP = CHANNEL_OF_CODE


class _Relation(NamedTuple):
    """The names of the windows it is made of, and its values of theirs and their being exact ([windows, n] each)."""

    windows: tuple[str, ...]
    values: Callable[[Ints, Bools], Ints]


class RelationColumns:
    """f relations of n customers. `values`, `changes_ms`: int64[f, n]; `exact`: bool[f, n].

    `changes_ms`: the next instant at which one can change in silence; INF: never.
    """

    def __init__(self, windows: WindowColumns, features: Sequence[Feature]) -> None:
        """`windows`: has those of `windows_of(features)` at least."""
        shape = (len(features), windows.values.shape[1])
        self.values: Ints = np.empty(shape, np.int64)
        self.changes_ms: Ints = np.empty(shape, np.int64)
        changes_ms, known_ms = windows.changes_at_ms(), windows.known_at_ms()
        for place, feature in enumerate(features):
            relation = _RELATIONS[feature.source]
            mine = [windows.features.index(FEATURES[name]) for name in relation.windows]
            self.values[place] = relation.values(windows.values[mine], windows.exact[mine])
            self.changes_ms[place] = reduce(
                np.minimum, [rows[one] for rows in (changes_ms, known_ms) for one in mine]
            )
        self.exact: Bools = self.values != NO_VALUE


def windows_of(relations: Sequence[Feature]) -> tuple[Feature, ...]:
    """The windows that some relations are made of."""
    names = dict.fromkeys(name for one in relations for name in _RELATIONS[one.source].windows)
    return tuple(FEATURES[name] for name in names)


def _trend(values: Ints, exact: Bools) -> Ints:
    week, month = values
    known = exact[1] & (month > 0)
    return np.where(known, 100 * 30 * week // np.maximum(7 * month, 1), NO_VALUE)


def _app_share(values: Ints, _: Bools) -> Ints:
    app, web = values
    return np.where(app + web > 0, 100 * app // np.maximum(app + web, 1), NO_VALUE)


def _preferred_channel(values: Ints, _: Bools) -> Ints:
    app, web = values
    return np.where(app + web > 0, np.where(app > web, _APP, _WEB), NO_VALUE)


_RELATIONS: Final = {
    "trend": _Relation(("events_7d", "events_30d"), _trend),
    "app_share": _Relation(("app_events_30d", "web_events_30d"), _app_share),
    "preferred_channel": _Relation(("app_events_90d", "web_events_90d"), _preferred_channel),
}
