"""What `identify` calls say of customers: consent, the suppression list, the time zone. Columns of a chunk."""

import msgspec

from streamproc.contracts.chunk import Chunk
from streamproc.contracts.meanings import TRAITS, consent_bits
from streamproc.contracts.time_zones import zone_codes


def fill_traits(chunk: Chunk) -> list[int]:
    """EventColumns.consent, .suppressed and .time_zone; returns the rows whose time zone is none."""
    unknown_zones: list[int] = []
    for row in chunk.rows_with(TRAITS):
        traits = chunk.events[row].traits
        if traits is None:
            continue
        if traits.consent is not None:
            chunk.rows["consent"][row] = consent_bits(msgspec.structs.asdict(traits.consent))
        if traits.suppressed is not None:
            chunk.rows["suppressed"][row] = 1 if traits.suppressed else -1
        if traits.timezone is not None:
            code = zone_codes().get(traits.timezone)
            if code is None:
                unknown_zones.append(row)
            else:
                chunk.rows["time_zone"][row] = code
    return unknown_zones
