"""Time zones by the code that a state has of them, from the packaged IANA database: the same on every machine."""

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from streamproc.contracts.hashes import text_hash

_DATABASE = files("tzdata")


@cache
def zone_names() -> frozenset[str]:
    """All IANA names."""
    return frozenset(_DATABASE.joinpath("zones").read_text().split())


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone of this IANA name, which must exist."""
    with _DATABASE.joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def zone_of(code: int, otherwise: str) -> ZoneInfo:
    """The time zone whose name has this XXH32; where there is none, that of the name `otherwise`."""
    return zone(_names_by_code().get(code, otherwise))


@cache
def _names_by_code() -> dict[int, str]:
    return {text_hash(name): name for name in zone_names()}
