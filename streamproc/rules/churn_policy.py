"""The `churn:` section of a rules file."""

from typing import Final

from streamproc.contracts.signal_types import BANDS
from streamproc.rules.fields import Fields
from streamproc.rules.literals import DURATION_UNITS_MS
from streamproc.rules.model import BandPolicy

DEFAULT_POLICY: Final = BandPolicy((0.3, 0.6, 0.8), 0.05, 7 * DURATION_UNITS_MS["d"])


def read_churn(root: Fields) -> BandPolicy:
    """The band policy; what the section leaves out is as in DEFAULT_POLICY."""
    fields = root.mapping("churn", allowed=("min_history", "hysteresis", "bands"))
    if fields is None:
        return DEFAULT_POLICY
    min_history_ms = fields.duration_ms("min_history", DEFAULT_POLICY.min_history_ms)
    hysteresis = fields.share("hysteresis", DEFAULT_POLICY.hysteresis)
    thresholds = _read_bands(fields)
    if hysteresis >= thresholds[0] > 0 and "hysteresis" in fields:
        message = f"with a hysteresis of {hysteresis:g}, nobody could fall below `medium` ({thresholds[0]:g})"
        fields.report("hysteresis", message, "choose one that is smaller than the lowest threshold")
    return BandPolicy(thresholds, hysteresis, min_history_ms)


def _read_bands(fields: Fields) -> tuple[float, float, float]:
    bands = fields.mapping("bands", allowed=BANDS[1:])
    if bands is None:
        return DEFAULT_POLICY.thresholds
    defaults = dict(zip(BANDS[1:], DEFAULT_POLICY.thresholds, strict=True))
    medium, high, critical = (bands.share(band, default) for band, default in defaults.items())
    for lower, upper, low, up in (("medium", "high", medium, high), ("high", "critical", high, critical)):
        if low >= up and (upper in bands or lower in bands):
            key = upper if upper in bands else lower
            bands.report(key, f"`{upper}` ({up:g}) must be above `{lower}` ({low:g})")
    if medium == 0:
        bands.report("medium", "at 0, everybody would be at medium risk", "choose a threshold above 0")
    return medium, high, critical
