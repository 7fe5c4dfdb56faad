"""Relations of n customers: what windows are in relation to each other. They change whenever one of them does."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.hashes import text_hash
from streamproc.features.registry import FEATURES, Feature
from streamproc.features.totals import NO_VALUE
from streamproc.features.windows import PaneRows, WindowColumns

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CHANNEL_OF_CODE: Final = {text_hash(channel): channel for channel in ("web", "app")}
_WEB, _APP = CHANNEL_OF_CODE


class _Relation(NamedTuple):
    """The names of the windows it is made of, and its values of theirs (int64[n] and bool[n] each)."""

    windows: tuple[str, ...]
    values: Callable[[WindowColumns], Ints]


class RelationColumns:
    """f relations of n customers. `values`, `changes_ms`: int64[f, n]; `exact`: bool[f, n].

    `changes_ms`: the next instant at which one can change in silence; INF: never.
    """

    def __init__(self, rows: PaneRows, n: int, features: Sequence[Feature]) -> None:
        self.values: Ints = np.empty((len(features), n), np.int64)
        self.changes_ms: Ints = np.empty((len(features), n), np.int64)
        for place, feature in enumerate(features):
            relation = _RELATIONS[feature.source]
            windows = WindowColumns(rows, tuple(FEATURES[name] for name in relation.windows))
            self.values[place] = relation.values(windows)
            changes_ms = np.minimum(windows.changes_at_ms(), windows.known_at_ms())
            self.changes_ms[place] = changes_ms.min(axis=0)
        self.exact: Bools = self.values != NO_VALUE


def _trend(windows: WindowColumns) -> Ints:
    week, month = windows.values
    known = windows.exact[1] & (month > 0)
    return np.where(known, 100 * 30 * week // np.maximum(7 * month, 1), NO_VALUE)


def _app_share(windows: WindowColumns) -> Ints:
    app, web = windows.values
    return np.where(app + web > 0, 100 * app // np.maximum(app + web, 1), NO_VALUE)


def _preferred_channel(windows: WindowColumns) -> Ints:
    app, web = windows.values
    return np.where(app + web > 0, np.where(app > web, _APP, _WEB), NO_VALUE)


_RELATIONS: Final = {
    "trend": _Relation(("events_7d", "events_30d"), _trend),
    "app_share": _Relation(("app_events_30d", "web_events_30d"), _app_share),
    "preferred_channel": _Relation(("app_events_90d", "web_events_90d"), _preferred_channel),
}
