"""What Redis still holds from before it went back in time leaves with the version of now."""

import msgspec

from streamproc.contracts.outbox import OutRecord
from streamproc.contracts.signals import audience_signal
from streamproc.contracts.versions import raise_version, version_of


def signal(version: int) -> OutRecord:
    return audience_signal(
        customer="anna",
        entered=True,
        key="new",
        rule_version=1,
        entry_seq=1,
        entered_at_ms=1_000,
        at_ms=1_000,
        version=version,
        cause="event",
        causation_id="events.web/0/7",
        next_check_at_ms=None,
        evidence=[],
        displaced_by=None,
    )


def test_an_older_version_is_raised_and_nothing_else_changes() -> None:
    """The record is the one that the same change would make now, to the byte."""
    assert raise_version(signal(version_of(0, 5)), 2) == signal(version_of(2, 5))


def test_the_version_of_now_stays() -> None:
    record = signal(version_of(2, 5))
    assert raise_version(record, 2) is record


def test_what_is_no_signal_stays() -> None:
    """A producer may publish CloudEvents, and its headers stay with an event that is re-keyed."""
    for header in (("ce_id", b"1"), ("ce_sequence", b"abc"), ("ce_sequence", b"7"), ("ce_sequence", None)):
        record = OutRecord("streamproc.rekey", b"k", [header], b"{}")
        assert raise_version(record, 2) is record


def test_versions_stay_exact_in_json_readers() -> None:
    assert version_of(2**20, 2**32 - 1) < 2**53
    assert msgspec.json.decode(msgspec.json.encode(version_of(1, 1))) == 2**32 + 1
