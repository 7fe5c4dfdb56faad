"""The values of cut-offs: one versioned file, made of a sample of customers' states."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec
import xxhash

from streamproc.errors import StreamprocError

Text = Annotated[str, msgspec.Meta(min_length=1)]
Percent = Annotated[int, msgspec.Meta(ge=1, le=99)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class CutoffValue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value, as rules write it (`12`, `7d`, `99.90 USD`), and what it is the quantile of.

    `customers`: how many it was taken from. `rank_error`: how far its rank is off at most, in shares of 1.
    """

    feature: Text
    quantile: Percent
    value: Text
    customers: Count
    rank_error: Annotated[float, msgspec.Meta(ge=0, le=1)]


class CutoffValues(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The values of all cut-offs, as they stand in their JSON file.

    `created`: when the customers were looked at, ISO 8601. `sampled`: how many were. `active_days`: those count who
    were active in so many days.
    """

    version: Text
    created: Text
    source: Text
    sampled: Count
    active_days: Count
    cutoffs: dict[str, CutoffValue]

    def text_of(self, name: str, feature: str, quantile: int) -> str | None:
        """The value of a cut-off; None if there is none, or one that was made for something else."""
        found = self.cutoffs.get(name)
        if found is None or (found.feature, found.quantile) != (feature, quantile):
            return None
        return found.value


#: Every cut-off is the fixed one.
NO_VALUES: Final = CutoffValues(
    version="none", created="never", source="none", sampled=0, active_days=0, cutoffs={}
)


def version_of(values: Mapping[str, CutoffValue]) -> str:
    """What a file with these values is called: the same for the same values."""
    lines = sorted(f"{name} {value.feature} {value.quantile} {value.value}" for name, value in values.items())
    return f"cutoffs-{xxhash.xxh32_hexdigest(chr(10).join(lines).encode())}"


def load_cutoffs(path: Path | None) -> CutoffValues:
    """Read and check a file of values. None, or a file that is not there yet: NO_VALUES.

    Raises StreamprocError, naming the file and the field, if it cannot be read or is none.
    """
    if path is None:
        return NO_VALUES
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        if path.parent.is_dir():
            return NO_VALUES
        raise _unreadable(path, "there is no such directory") from None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    try:
        return msgspec.json.decode(raw, type=CutoffValues)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # it names the field: "... - at `$.version`"
        raise StreamprocError(
            f"{path}: not a file of cut-offs: {error}",
            fix="remove it, and make it anew: streamproc cutoffs --live -o FILE (docs/cutoffs.md)",
        ) from error


def encode_cutoffs(values: CutoffValues) -> bytes:
    """As an indented JSON file, which `load_cutoffs` reads back unchanged."""
    return msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n"


def _unreadable(path: Path, why: str) -> StreamprocError:
    return StreamprocError(
        f"cannot read the cut-offs {path}: {why}",
        fix="set STREAMPROC_CUTOFFS to a file of `streamproc cutoffs`, or unset it to use the fixed ones",
    )
