"""What identify calls say of the suppression list and of the time zone. (Consent: test_decode.py.)"""

import zoneinfo

import pytest

from streamproc.contracts.hashes import text_hash
from streamproc.contracts.time_zones import zone_codes, zone_names
from tests.unit.contracts.events import decode, event, reason_of


@pytest.mark.parametrize(
    ("traits", "said"),
    [({}, 0), ({"suppressed": None}, 0), ({"suppressed": True}, 1), ({"suppressed": False}, -1)],
)
def test_the_suppression_list(traits: dict[str, bool | None], said: int) -> None:
    """Only identify calls say something of it."""
    assert decode(event(type="identify", traits=traits)).columns.suppressed.tolist() == [said]
    assert decode(event(type="page", traits=traits)).columns.suppressed.tolist() == [0]


def test_time_zones() -> None:
    """A name that is none says nothing, and is counted; letter by letter."""
    names = ("Europe/Berlin", "UTC", "europe/berlin", "Mars/Olympus", "", None)
    told = decode(*(event(type="identify", traits={"timezone": name}) for name in names))
    berlin, utc = (text_hash(name) for name in names[:2] if name)
    assert told.columns.time_zone.tolist() == [berlin, utc, 0, 0, 0, 0]
    assert (told.unknown_zones, told.failures) == (3, [])


def test_time_zones_of_refused_events_are_not_counted() -> None:
    told = decode(event(type="identify", userId="anon:x", traits={"timezone": "Mars/Olympus"}))
    assert (len(told.failures), told.unknown_zones) == (1, 0)


@pytest.mark.parametrize("name", ["suppressed", "timezone"])
def test_what_has_another_type_is_refused(name: str) -> None:
    assert reason_of(event(type="identify", traits={name: 1})) == ("wrong_type", f"$.traits.{name}")


def test_every_time_zone_has_a_code_of_its_own() -> None:
    """States hold the codes; 0 stands for none."""
    codes = zone_codes()
    assert {"Europe/Berlin", "America/New_York", "UTC", "Asia/Kolkata"} <= codes.keys()
    assert 0 not in codes.values()
    assert {name: zone_names()[code] for name, code in codes.items()} == {name: name for name in codes}


def test_every_time_zone_can_be_used() -> None:
    """And those that people write are among them."""
    assert zone_codes().keys() <= zoneinfo.available_timezones()
    assert {
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Asia/Calcutta",
    } <= zone_codes().keys()
