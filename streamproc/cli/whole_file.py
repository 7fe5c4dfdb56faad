"""Files that commands write: checked before anything is read; those that workers watch are written in one step."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from streamproc.errors import StreamprocError


def check_writable(path: Path) -> None:
    """Raises StreamprocError if a file cannot be written there, before anything is read."""
    place = path if path.exists() else path.parent
    if not os.access(place, os.W_OK):
        reason = "you may not write there" if place.exists() else f"there is no directory {place}"
        fix = "name a file in a directory that exists, and that you may write to"
        raise StreamprocError(f"cannot write {path}: {reason}", fix=fix)


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path | None]) -> None:
    """Raises StreamprocError if one of these files cannot be written, or would go over another one or over an input.

    outputs: by the option that names it; None: not asked for. `inputs` may hold `-`, which is no file.
    """
    taken = {_identity(path): f"{path}, which is read" for path in inputs if path and str(path) != "-"}
    for option, path in outputs.items():
        if path is None:
            continue
        if (over := taken.get(_identity(path))) is not None:
            raise StreamprocError(f"{option} would write over {over}", fix="name another file")
        taken[_identity(path)] = f"{path}, which is that of {option}"
        check_writable(path)


def _identity(path: Path) -> object:
    """The same for two names of one file."""
    if not path.exists():
        return path.resolve()
    found = path.stat()
    return found.st_dev, found.st_ino


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in its place; a link stays, what it leads to changes. Raises StreamprocError if it is not possible."""
    place = path.resolve()
    beside = place.with_name(f".{place.name}.new")
    try:
        beside.write_bytes(content)
        beside.replace(place)
    except OSError as error:
        fix = "make room, or name a file elsewhere"
        raise StreamprocError(f"cannot write {path}: {error.strerror or error}", fix=fix) from None
