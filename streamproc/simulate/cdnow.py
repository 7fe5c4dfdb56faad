"""CDNOW: the 69,659 purchases of 23,570 customers of a music shop, 1997-01 to 1998-06.

Everybody who bought for the first time in the first quarter of 1997. The data became the benchmark for models
of repeat buying with Fader & Hardie, "Forecasting Repeat Sales at CDNOW" (Interfaces, 2001). The package
`lifetimes` (MIT) holds a copy, but not as its own work: we do not ship the data, we fetch that package.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from streamproc.errors import StreamprocError
from streamproc.simulate.history import CONSENT_NOTE, History, HistoryEvent, event, with_consent

_NAME: Final = "cdnow"
_REQUIREMENT: Final = "lifetimes==0.11.3"
_FILE: Final = Path("datasets") / "CDNOW_master.txt"
_SHA256: Final = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"
#: The data knows days only.
_HOUR_OF_DAY: Final = 12


def load_cdnow(environment: Mapping[str, str], *, one_in: int) -> History:
    """The purchases of one customer in so many, from the installed package `lifetimes`, else from our cache.

    The package is fetched at the first use.

    Raises StreamprocError if the package cannot be had or holds other data.
    """
    path = _installed() or _fetched(environment)
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise StreamprocError(f"{path} is not the file of {_REQUIREMENT}", fix=f"delete {path.parents[1]}")
    return History(
        name=_NAME,
        about="Purchases in a music shop, 1997-98 (CDNOW, Fader & Hardie 2001; from lifetimes 0.11.3).",
        notes=(
            *_sample_note(one_in),
            "All go to events.web: the data has no channel. It has days only: all is at noon, UTC.",
            CONSENT_NOTE,
        ),
        events=with_consent(_events(data.decode(), one_in), _NAME),
    )


def _sample_note(one_in: int) -> Sequence[str]:
    return [] if one_in == 1 else [f"These are the customers whose number is divisible by {one_in}."]


def _events(text: str, one_in: int) -> Iterator[HistoryEvent]:
    for number, line in enumerate(text.splitlines()[1:], 1):
        customer, day, cds, dollars = line.split()
        if int(customer) % one_in:
            continue
        instant = datetime.fromisoformat(day).replace(hour=_HOUR_OF_DAY, tzinfo=UTC)
        message_id = f"{_NAME}-{number:06d}"
        properties = {
            "order_id": message_id,
            "revenue": float(dollars),
            "currency": "USD",
            "products": [{"category": "CD", "quantity": int(cds)}],
        }
        call = {"type": "track", "event": "Order Completed", "properties": properties}
        yield event("events.web", customer, int(instant.timestamp()) * 1000, message_id, call)


def _installed() -> Path | None:
    # Found, not imported: importing lifetimes needs pandas and more.
    spec = find_spec("lifetimes")
    folders = spec.submodule_search_locations or () if spec else ()
    return next((path for folder in folders if (path := Path(folder) / _FILE).exists()), None)


def _fetched(environment: Mapping[str, str]) -> Path:
    """The file in the user's cache; if need be, the package is installed there, without its dependencies."""
    home = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    target = Path(home) / "streamproc" / _REQUIREMENT.replace("==", "-")
    path = target / "lifetimes" / _FILE
    if not path.exists():
        command = [*_installer(), "--quiet", "--no-deps", "--target", str(target), _REQUIREMENT]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StreamprocError(
                f"cannot fetch {_REQUIREMENT}: {done.stderr.strip()}", fix="install it: " + _BY_HAND
            )
    return path


_BY_HAND: Final = f"pip install --no-deps {_REQUIREMENT}"


def _installer() -> Sequence[str]:
    """pip of this environment, else uv, else pip of the Python that this environment was made with."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    base = Path(sys.base_prefix) / "bin" / "python3"
    if os.access(base, os.X_OK):
        return [str(base), "-m", "pip", "install"]
    raise StreamprocError("there is neither pip nor uv to fetch the data with", fix="install it: " + _BY_HAND)
