"""The forms of the churn model, by how much history they need."""

from typing import Final, Literal

#: Silence alone; P0 with its level and slope (or as it is, where no outcomes are known); all weights of the scorecard.
Form = Literal["recency", "p0", "sc5"]

#: By rising need of data; of those that do equally well, the first is taken.
FORMS: Final[tuple[Form, ...]] = ("recency", "p0", "sc5")

#: What people call them.
FORM_NAMES: Final[dict[Form, str]] = {"recency": "recency", "p0": "P0", "sc5": "scorecard"}
