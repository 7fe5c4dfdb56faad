"""What counts as another definition."""

from dataclasses import replace

import msgspec

from streamproc.churn.model import load_model
from streamproc.rules.load import load_ruleset
from streamproc.transitions.definitions import Definitions


def test_a_model_with_other_numbers_is_another_definition_whatever_its_version() -> None:
    """Deadlines are kept in the state: they must not outlive the model they were solved with."""
    model = load_model(None)
    mine = Definitions(load_ruleset(None), model)
    assert mine.fingerprint == replace(mine).fingerprint
    edited = msgspec.structs.replace(model, horizon_days=model.horizon_days + 1)
    assert replace(mine, model=edited).fingerprint != mine.fingerprint
