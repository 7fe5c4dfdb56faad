"""Time zones by the code that a state has of them, from the packaged IANA database: the same on every machine."""

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from streamproc.contracts.time_zones import zone_names


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone of this IANA name, which must exist."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def zone_of(code: int, otherwise: str) -> ZoneInfo:
    """The time zone with this code; where there is none, that of the name `otherwise`."""
    return zone(zone_names().get(code, otherwise))
