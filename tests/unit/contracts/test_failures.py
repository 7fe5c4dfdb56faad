"""Reasons of failures and the fields they name."""

from typing import Any, get_args

import msgspec

from streamproc.contracts.events import FIELDS, Event
from streamproc.contracts.failures import REASONS, FailureReason


def test_every_reason_is_explained() -> None:
    """With what it means and what to do."""
    assert set(REASONS) == set(FailureReason)
    assert all(meaning and fix for meaning, fix in REASONS.values())


def test_the_codes_are_frozen() -> None:
    """Dashboards and consumers of events.failed know them."""
    assert {reason.value for reason in FailureReason} == {
        "empty",
        "too_large",
        "not_utf8",
        "not_json",
        "too_deep",
        "wrong_type",
        "missing_field",
        "invalid_field",
        "out_of_range",
        "no_customer",
        "timestamp_out_of_range",
        "timestamp_in_future",
        "not_an_outcome",
        "wrong_partition",
        "not_processed",
    }


def test_every_field_that_is_read_is_described() -> None:
    """And none that is not."""
    assert set(FIELDS) == set(_paths(Event, "$"))


def _paths(struct: type[msgspec.Struct], prefix: str) -> list[str]:
    paths = []
    for field in msgspec.structs.fields(struct):
        path = f"{prefix}.{field.encode_name}"
        paths.append(path)
        for option in _options(field.type):
            paths += _paths(option, path)
    return paths


def _options(annotation: Any) -> list[type[msgspec.Struct]]:
    candidates = (annotation, *get_args(annotation))
    return [one for one in candidates if isinstance(one, type) and issubclass(one, msgspec.Struct)]
