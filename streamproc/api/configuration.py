"""What is in force: every setting, where it comes from, rules, cut-offs, churn model. Secrets are left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from streamproc.api.explain import describe_cutoff
from streamproc.churn.model import load_model
from streamproc.errors import StreamprocError
from streamproc.rules.cutoff_values import NO_VALUES, CutoffValues, load_cutoffs
from streamproc.rules.load import load_ruleset
from streamproc.rules.model import Ruleset
from streamproc.settings import Settings, load_settings
from streamproc.transitions.definitions import Definitions

_REDIS_SCHEMES: Final = ("redis", "rediss", "unix")
_HIDDEN: Final = "(hidden)"


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting as anybody may see it. `file`: where the value was read from, if `source` is "file"."""

    name: str
    variable: str
    value: object
    source: Literal["default", "environment", "file"]
    file: str | None = None


def shown_settings(environment: Mapping[str, str]) -> list[ShownSetting]:
    """Every setting of an environment. Raises StreamprocError that names all mistakes."""
    settings = load_settings(environment)
    return [_shown(name, value, settings, environment) for name, value in settings.__rich_repr__()]


def describe_definitions(settings: Settings) -> dict[str, Any]:
    """The rules and the model that the settings name, as JSON values; with `error` and `fix` where one is wrong."""
    shown: dict[str, Any] = {
        "rules": {"path": settings.rules or None},
        "cutoffs": {"path": settings.cutoffs or None},
        "model": {"path": settings.model or None},
    }
    ruleset = model = None
    values = NO_VALUES
    try:
        values = load_cutoffs(settings.cutoffs_path)
    except StreamprocError as error:
        shown["cutoffs"] |= _mistake(error)
    try:
        ruleset = load_ruleset(settings.rules_path, values)
        shown["rules"] |= {
            "fingerprint": f"{ruleset.fingerprint:08x}",
            "segments": len(ruleset.segments),
            "campaigns": len(ruleset.campaigns),
            "funnels": len(ruleset.funnels),
            "currency": ruleset.currency,
        }
        if "error" not in shown["cutoffs"]:
            shown["cutoffs"] |= _cutoffs(ruleset, values)
    except StreamprocError as error:
        shown["rules"] |= _mistake(error)
    try:
        model = load_model(settings.model_path)
        shown["model"] |= {
            "version": model.version,
            "horizon_days": model.horizon_days,
            "trained_on": model.trained_on,
        }
    except StreamprocError as error:
        shown["model"] |= _mistake(error)
    if "error" in shown["cutoffs"]:
        ruleset = None
    shown["fingerprint"] = f"{Definitions(ruleset, model).fingerprint:08x}" if ruleset and model else None
    return shown


def _cutoffs(ruleset: Ruleset, values: CutoffValues) -> dict[str, Any]:
    """The file of values, and each cut-off with the value in force."""
    return {
        "version": ruleset.cutoffs_version,
        "created": values.created if ruleset.cutoffs_version else None,
        "values": {cutoff.name: describe_cutoff(cutoff) for cutoff in ruleset.cutoffs},
    }


def without_credentials(url: str) -> str:
    """A URL without user, password and what follows a `?`; where that is in doubt, nothing of it."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError: then a part of a password stands there
    except ValueError:
        return _HIDDEN
    credentials, at, host = parts.netloc.rpartition("@")
    # An @ behind the host is one of a password that was not quoted.
    if not parts.scheme or "@" in f"{credentials}{parts.path}{parts.query}{parts.fragment}":
        return _HIDDEN
    rest = f"?{_HIDDEN}" if parts.query or parts.fragment else ""
    return f"{parts.scheme}://{f'{_HIDDEN}@' if at else ''}{host}{parts.path}{rest}"


def _shown(name: str, value: object, settings: Settings, environment: Mapping[str, str]) -> ShownSetting:
    variable = f"STREAMPROC_{name.upper()}"
    if name == "redis":
        url = without_credentials(settings.redis)
        value = url if url.partition(":")[0] in _REDIS_SCHEMES else _HIDDEN
    elif isinstance(value, str) and "@" in value:
        value = without_credentials(value) if "://" in value else value
    if (file := environment.get(f"{variable}_FILE")) is not None:
        return ShownSetting(name, variable, value, "file", file)
    return ShownSetting(name, variable, value, "environment" if variable in environment else "default")


def _mistake(error: StreamprocError) -> dict[str, str]:
    return {"error": error.message, "fix": error.fix}
