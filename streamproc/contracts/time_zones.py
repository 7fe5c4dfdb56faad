"""The time zones that customers may be in: those of the tzdata package, so that all machines know the same ones."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from streamproc.contracts.hashes import text_hash


@cache
def zone_codes() -> Mapping[str, int]:
    """IANA name of every time zone to what stands for it in states; no name has the code 0."""
    names = (files("tzdata") / "zones").read_text(encoding="utf-8").split()
    return MappingProxyType({name: text_hash(name) for name in names})


@cache
def zone_names() -> Mapping[int, str]:
    """What stands for a time zone in states to its IANA name."""
    return MappingProxyType({code: name for name, code in zone_codes().items()})
