"""The parameters of the churn score: one versioned file, checked once when it is loaded."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from streamproc.errors import StreamprocError

Positive = Annotated[float, msgspec.Meta(gt=0)]
Weight = Annotated[float, msgspec.Meta(ge=0)]
Text = Annotated[str, msgspec.Meta(min_length=1)]

Tau = Literal[30, 90, 365]

#: The decay constants, in days, that a customer's state carries counts for.
TAUS_DAYS: tuple[Tau, ...] = (30, 90, 365)

_PACKAGED = "default_model.json"


class P0(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of the modified BG/NBD model; time is in days.

    A customer's activity rate is Gamma(shape r, rate alpha); the probability of leaving for good after any
    one active day, the first included, is Beta(a, b).
    """

    r: Positive
    alpha: Positive
    a: Positive
    b: Positive


class Scorecard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weights of SC5: logit = w0 + w1 logit(P0) + w2 ln(1+rec) - w3 ln(n) - w4 ln(1+e30) - w5 ln(1+e90).

    w1 to w5 are at least 0, which is what makes the risk rise with silence.
    """

    w0: float
    w1: Weight
    w2: Weight
    w3: Weight
    w4: Weight
    w5: Weight


class TermMeans(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mean of each term over the customers the model was fitted on: what reasons are measured against."""

    logit_p0: float
    log_silence: float
    log_days: float
    log_e30: float
    log_e90: float


#: P0 alone, written as a scorecard.
_P0_ONLY = Scorecard(w0=0.0, w1=1.0, w2=0.0, w3=0.0, w4=0.0, w5=0.0)


class ChurnModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fitted churn model, as it stands in its JSON file.

    Three forms, by how much there was to fit on: `p0` and `sc5`; `p0` alone (the risk is P0); `sc5` alone
    with `w1 = 0` (the recency rule: usually only w0 and w2 are not 0).
    """

    version: Text
    horizon_days: Annotated[int, msgspec.Meta(gt=0)]
    #: Time constant with which P0 forgets history; None: it does not.
    tau_days: Tau | None
    p0: P0 | None
    sc5: Scorecard | None
    means: TermMeans
    trained_on: Text
    #: Date of the fit, YYYY-MM-DD.
    created: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]

    def __post_init__(self) -> None:
        if self.p0 is None and self.sc5 is None:
            raise ValueError("Expected `p0` or `sc5`, both are null")
        if self.p0 is None and self.sc5 is not None and self.sc5.w1 > 0:
            raise ValueError("`sc5.w1` weighs P0, so it must be 0 where `p0` is null")

    @property
    def weights(self) -> Scorecard:
        """The scorecard in force: `sc5`, or P0 alone."""
        return self.sc5 if self.sc5 is not None else _P0_ONLY


def load_model(path: Path | None) -> ChurnModel:
    """Read and check a model file; None: the packaged default.

    Raises StreamprocError, naming the file and the field, if the file cannot be read or is not a valid model.
    """
    name = f"packaged {_PACKAGED}" if path is None else str(path)
    try:
        raw = (files(__package__).joinpath(_PACKAGED) if path is None else path).read_bytes()
    except OSError as error:
        raise StreamprocError(
            f"cannot read the churn model {name}: {error.strerror or error}",
            fix="set STREAMPROC_MODEL to a readable model file, or unset it to use the packaged default",
        ) from error
    try:
        return msgspec.json.decode(raw, type=ChurnModel)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # it names the field: "... - at `$.p0.r`"
        raise StreamprocError(
            f"{name}: not a churn model: {error}",
            fix="correct that field; docs/churn.md lists the fields and their limits",
        ) from error


def encode_model(model: ChurnModel) -> bytes:
    """The model as an indented JSON file, which `load_model` reads back unchanged."""
    return msgspec.json.format(msgspec.json.encode(model), indent=2) + b"\n"
