"""Findings about what decides: the rules file, cut-offs, the churn model."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from streamproc.api.checkup import Finding
from streamproc.churn.model import ChurnModel
from streamproc.rules.cutoff_values import CutoffValues
from streamproc.rules.expression import Expr, comparisons
from streamproc.rules.model import Ruleset
from streamproc.rules.problems import Problem

_DAY_MS: Final = 86_400_000
#: What a state keeps of every customer's days, whatever the rules ask.
_HISTORY_MS: Final = 90 * _DAY_MS
_OLD_CUTOFFS_DAYS: Final = 31
_OLD_MODEL_DAYS: Final = 365


def judge_rules(ruleset: Ruleset, problems: Sequence[Problem], name: str) -> Iterator[Finding]:
    """The file, which can be read, and what it is warned of."""
    segments, campaigns = len(ruleset.segments), len(ruleset.campaigns)
    text = f"{segments} segment{'' if segments == 1 else 's'} and {campaigns} campaign{'' if campaigns == 1 else 's'}"
    yield Finding("rules.file", "ok", "rules", f"{text} from {name}")
    warnings = [problem for problem in problems if problem.severity == "warning"]
    if warnings:
        first = f"{warnings[0].place}: {warnings[0].message}"
        more = f", and {len(warnings) - 1} more" if len(warnings) > 1 else ""
        fix = warnings[0].hint or "streamproc segments lint shows each with its place"
        yield Finding("rules.file", "warning", "rules", f"{first}{more}", f"{fix} (streamproc segments lint)")


def judge_cutoffs(ruleset: Ruleset, path: str, values: CutoffValues, today: date) -> Iterator[Finding]:
    """Whether borders that should move with the customers do."""
    sampled = [cutoff for cutoff in ruleset.cutoffs if cutoff.quantile is not None and not cutoff.override]
    if not sampled:
        return
    fix = "streamproc cutoffs --live -o FILE, every week or so, with STREAMPROC_CUTOFFS=FILE"
    if not values.cutoffs:
        where = f"{path} is not there yet" if path else "STREAMPROC_CUTOFFS is not set"
        text = f"{where}: the fixed values of the rules stand for all {len(sampled)} cut-offs"
        yield Finding("rules.cutoffs", "warning" if path else "ok", "cut-offs", text, fix if path else "")
        return
    age_days = (today - date.fromisoformat(values.created[:10])).days
    if age_days > _OLD_CUTOFFS_DAYS:
        text = f"{path}: its values are {age_days} days old"
        yield Finding("rules.cutoffs", "warning", "cut-offs", text, fix)
    else:
        text = f"{len(values.cutoffs)} values from {path}, {age_days} days old"
        yield Finding("rules.cutoffs", "ok", "cut-offs", text)


def judge_model(model: ChurnModel, path: str, ruleset: Ruleset, today: date) -> Iterator[Finding]:
    """Whose customers it was fitted on, and for what."""
    customers = model.trained_on.partition(": ")[0]
    about = f"{model.version}: risk of no activity within {model.horizon_days} days, fitted on {customers}"
    age_days = (today - date.fromisoformat(model.created)).days
    needs_days = ruleset.churn.min_history_ms / _DAY_MS
    if path and age_days > _OLD_MODEL_DAYS:
        fix = "fit it anew on your history, and look at its figures: streamproc fit (docs/fit.md)"
        yield Finding("rules.model", "warning", "model", f"{about}, {age_days} days ago", fix)
    elif needs_days > model.horizon_days:
        text = f"{about}; but churn.min_history is {needs_days:.0f} days: who leaves early is scored too late"
        fix = "lower churn.min_history, or fit a model with a longer --horizon-days"
        yield Finding("rules.model", "warning", "model", text, fix)
    else:
        own = "" if path else "; the packaged one, not fitted on your customers (docs/fit.md)"
        yield Finding("rules.model", "ok", "model", about + own)


def look_back_ms(ruleset: Ruleset) -> int:
    """How far back the rules look: what a rebuild must find in the topics for all of them to be known again."""
    return max([_HISTORY_MS, *(_spans_ms(ruleset))])


def _spans_ms(ruleset: Ruleset) -> Iterator[int]:
    for segment in (*ruleset.segments, *ruleset.watches):
        for expr in (segment.enter, segment.exit):
            yield from _spans_of(expr, ruleset) if expr is not None else ()


def _spans_of(expr: Expr, ruleset: Ruleset) -> Iterator[int]:
    for comparison in comparisons(expr):
        feature = ruleset.features[comparison.feature]
        yield feature.window_ms or 0
        if feature.unit == "duration" and isinstance(comparison.threshold, int):
            yield comparison.threshold
