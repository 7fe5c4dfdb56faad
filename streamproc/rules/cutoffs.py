"""The `cutoffs:` of a rules file."""

from collections.abc import Mapping
from typing import Final

from streamproc.features.registry import Feature
from streamproc.rules.cutoff_values import NO_VALUES, CutoffValues
from streamproc.rules.expression import Comparison
from streamproc.rules.fields import Fields
from streamproc.rules.grammar import Mistake
from streamproc.rules.model import Cutoff
from streamproc.rules.nearest import did_you_mean
from streamproc.rules.parse import parse_expression

_KEYS: Final = ("feature", "quantile", "fixed", "hysteresis", "override")
_HYSTERESIS_PERCENT: Final = 20


def read_cutoffs(
    root: Fields, currency: str, features: Mapping[str, Feature], values: CutoffValues = NO_VALUES
) -> tuple[Cutoff, ...]:
    """The cut-offs of features that there are; with wrong ones, problems are noted in the document.

    A value counts if it was made for this feature and quantile, in this currency.
    """
    section = root.mapping("cutoffs", allowed=None)
    if section is None:
        return ()
    found = (_read_cutoff(section, name, currency, features, values) for name in section.values)
    return tuple(cutoff for cutoff in found if cutoff is not None)


def _read_cutoff(
    section: Fields, name: str, currency: str, features: Mapping[str, Feature], values: CutoffValues
) -> Cutoff | None:
    document = section.document
    section.check_key(name)
    if name in features:
        document.report(section.key_node(name), f"`{name}` is a feature", "call the cut-off otherwise")
    node = section.values[name]
    fields = Fields(document, node, f"the cut-off `{name}`", allowed=_KEYS, required=("feature", "fixed"))
    feature = _read_feature(fields, features)
    quantile, hysteresis = fields.percentage("quantile"), fields.percentage("hysteresis")
    override = fields.boolean("override") or False
    fixed = None if feature is None else _read_fixed(fields, feature, currency, features)
    if override and "quantile" not in fields:
        fields.report("override", "without a `quantile` the cut-off is `fixed` already", "leave it out")
    if feature is None:
        return None
    sampled = None
    if quantile is not None:
        text = values.text_of(name, feature.name, quantile)
        sampled = None if text is None else value_of(text, feature, currency, features)
    return Cutoff(
        name=name,
        feature=feature.name,
        # Anything will do where there is an error already: rules that name the cut-off get none for that.
        unit="count" if fixed is None else fixed.unit,
        quantile=quantile,
        fixed=1 if fixed is None else _amount(fixed),
        hysteresis=_HYSTERESIS_PERCENT if hysteresis is None else hysteresis,
        override=override,
        sampled=sampled,
    )


def value_of(text: str, feature: Feature, currency: str, features: Mapping[str, Feature]) -> int | None:
    """A value as rules write it, in the unit of `feature`; None if it is none of that unit, or 0."""
    try:
        return _amount(_literal(text, feature, currency, features)) or None
    except Mistake:
        return None


def _read_feature(fields: Fields, features: Mapping[str, Feature]) -> Feature | None:
    node = fields.scalar("feature", "the name of a feature")
    if node is None:
        return None
    feature = features.get(node.value)
    if feature is None:
        hint = did_you_mean(node.value, features) or "`streamproc features` lists the features"
        fields.report("feature", f"unknown feature `{node.value}`", hint)
    elif feature.unit == "text":
        fields.report("feature", f"`{feature.name}` is a text, which has no quantiles", "take a number")
        return None
    return feature


def _read_fixed(
    fields: Fields, feature: Feature, currency: str, features: Mapping[str, Feature]
) -> Comparison | None:
    node = fields.scalar("fixed", f"a value of `{feature.name}`")
    if node is None:
        return None
    try:
        literal = _literal(node.value, feature, currency, features)
    except Mistake as mistake:
        fields.document.report_inside(node, max(mistake.offset, 0), mistake.message, mistake.hint)
        return None
    if not _amount(literal):
        fields.report("fixed", "a cut-off of 0 has nobody below it", "choose a greater value")
    return literal


def _literal(text: str, feature: Feature, currency: str, features: Mapping[str, Feature]) -> Comparison:
    """A value by itself, read as it would be in `feature >= value`. Raises Mistake with the place in `text`."""
    before = f"{feature.name} >= "
    parsed = parse_expression(before + text, currency=currency, features=features)
    for mistake in parsed.mistakes:
        raise Mistake(mistake.offset - len(before), mistake.message, mistake.hint)
    if not isinstance(parsed.expr, Comparison) or not isinstance(parsed.expr.threshold, int):
        raise Mistake(0, f"`{text}` is not a value", "write one value, as in a comparison")
    return parsed.expr


def _amount(literal: Comparison) -> int:
    assert isinstance(literal.threshold, int)
    return literal.threshold
