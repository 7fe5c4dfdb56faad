"""What a rules file says, checked and ready to be evaluated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from streamproc.contracts.hashes import text_hash
from streamproc.contracts.meanings import Meanings
from streamproc.features.registry import FEATURES, Feature, funnel_features
from streamproc.rules.campaign import Campaign, ContactPolicy
from streamproc.rules.expression import Expr
from streamproc.rules.literals import DURATION_UNITS_MS, MICROS
from streamproc.windows.apply import Measures
from streamproc.windows.funnels import FunnelPlan

#: From how long on a duration is rounded to what (ms).
_DURATION_STEPS: Final = tuple(
    (DURATION_UNITS_MS[whole], DURATION_UNITS_MS[step]) for whole, step in ("dh", "hm")
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A named set of customers.

    `exit` None stands for "not `enter`". `priority` only matters inside a `group`. `line` is where the file
    defines it.
    """

    key: str
    name: str
    description: str
    version: int
    enter: Expr
    exit: Expr | None
    min_dwell_ms: int
    group: str | None
    priority: int
    id: int
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class BandPolicy:
    """When churn risk is medium, high and critical.

    A band is left downwards only when the risk falls `hysteresis` below its threshold. No band before
    `min_history_ms` of history.
    """

    thresholds: tuple[float, float, float]
    hysteresis: float
    min_history_ms: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """Steps, by the names of track calls, that customers should do in this order, all within a time of the first."""

    key: str
    version: int
    steps: tuple[str, ...]
    within_ms: int
    line: int = field(default=0, compare=False)

    @property
    def id(self) -> int:
        """Of another version, another: everybody begins anew."""
        return text_hash(f"{self.key}/{self.version}")


#: The places of a cut-off that rules may name: `.low` is its value less the hysteresis, `.high` its value plus it.
CUTOFF_PLACES: Final = ("", ".low", ".high")


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A border between levels, such as between medium and heavy use. All values are in the unit of its feature.

    `quantile`: of which share of the customers (percent) it is to be the border; None: it is `fixed`. `fixed`: its
    value as long as there is no sampled one, and with `override` always. `sampled`: its value in the file of cut-offs.
    """

    name: str
    feature: str
    unit: str
    quantile: int | None
    fixed: int
    hysteresis: int
    override: bool = False
    sampled: int | None = None

    @property
    def value(self) -> int:
        """The value in force."""
        return self.fixed if self.sampled is None or self.override else self.sampled

    @property
    def source(self) -> Literal["sampled", "fixed", "override"]:
        """Where it comes from."""
        if self.override:
            return "override"
        return "fixed" if self.sampled is None else "sampled"

    @property
    def places(self) -> dict[str, int]:
        """The values that rules may name. Those beside the value are rounded away from it, but not to 0."""
        step = rounding_step(self.value, self.unit)
        low = self.value * (100 - self.hysteresis) // (100 * step) * step
        high = -(-self.value * (100 + self.hysteresis) // (100 * step)) * step
        values = (self.value, low or self.value, high)
        return {f"{self.name}{place}": value for place, value in zip(CUTOFF_PLACES, values, strict=True)}


def rounding_step(amount: int, unit: str) -> int:
    """To multiples of what a value is rounded: of an hour, a minute or a second, or of a hundredth of the currency."""
    if unit == "ms":
        return next((step for whole, step in _DURATION_STEPS if amount >= whole), DURATION_UNITS_MS["s"])
    return 1 if unit in ("count", "percent") else MICROS // 100


@dataclass(frozen=True)
class Ruleset:
    """A whole rules file. `segments` and `campaigns` are in file order, which is the order of publication.

    `watches`: the hidden segments of the campaigns that wait for an expression, in the campaigns' order. `contact`:
    what holds for the requests of all campaigns.
    `fingerprint` is equal for files under which every customer is evaluated alike: see `rules.versions`.
    `cutoffs_version`: of the file that the sampled values of `cutoffs` come from; None: there is none.
    """

    path: str
    segments: tuple[Segment, ...]
    campaigns: tuple[Campaign, ...]
    churn: BandPolicy
    meanings: Meanings
    currency: str
    session_gap_ms: int
    fingerprint: int
    funnels: tuple[Funnel, ...] = ()
    cutoffs: tuple[Cutoff, ...] = ()
    cutoffs_version: str | None = None
    contact: ContactPolicy = field(default_factory=ContactPolicy)
    watches: tuple[Segment, ...] = ()

    @cached_property
    def features(self) -> Mapping[str, Feature]:
        """All features that there are under these rules."""
        return with_funnels(self.funnels)

    @cached_property
    def watches_by_key(self) -> Mapping[str, Segment]:
        """What campaigns watch, by the targets of their triggers."""
        return {watch.key: watch for watch in self.watches}

    @cached_property
    def measures(self) -> Measures:
        """How events are counted."""
        plans = (
            FunnelPlan(funnel.id, tuple(map(text_hash, funnel.steps)), funnel.within_ms)
            for funnel in self.funnels
        )
        return Measures(self.session_gap_ms, tuple(plans))


def with_funnels(funnels: Iterable[Funnel]) -> Mapping[str, Feature]:
    """The features that there are always, and those of some funnels."""
    more = (
        feature for funnel in funnels for feature in funnel_features(funnel.key, funnel.id, len(funnel.steps))
    )
    return {**FEATURES, **{feature.name: feature for feature in more}}
