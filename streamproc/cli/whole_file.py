"""Files that workers watch, written in one step: who looks meanwhile sees the old file or the new one."""

import os
from pathlib import Path

from streamproc.errors import StreamprocError


def check_writable(path: Path) -> None:
    """Raises StreamprocError if a file cannot be written there, before anything is read."""
    place = path if path.exists() else path.parent
    if not os.access(place, os.W_OK):
        reason = "you may not write there" if place.exists() else f"there is no directory {place}"
        fix = "name a file in a directory that exists, and that you may write to"
        raise StreamprocError(f"cannot write {path}: {reason}", fix=fix)


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in its place. Raises StreamprocError if that is not possible."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        fix = "make room, or name a file elsewhere"
        raise StreamprocError(f"cannot write {path}: {error.strerror or error}", fix=fix) from None
