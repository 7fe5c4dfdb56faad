"""What decides, as the settings name it."""

from streamproc.churn.model import load_model
from streamproc.rules.cutoff_values import load_cutoffs
from streamproc.rules.load import load_ruleset
from streamproc.settings import Settings
from streamproc.transitions.definitions import Definitions


def load_definitions(settings: Settings) -> Definitions:
    """The rules, with their cut-offs, and the model that the settings name.

    Raises StreamprocError that lists what is wrong with them.
    """
    rules = load_ruleset(settings.rules_path, load_cutoffs(settings.cutoffs_path))
    return Definitions(rules, load_model(settings.model_path))
