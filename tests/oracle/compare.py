"""Engine against reference: exactly the same, or a report of the first difference."""

from typing import Any

from streamproc.contracts.outbox import OutRecord
from tests.oracle.engine import SIGNAL_TOPICS, Run
from tests.reference.model import Result


def assert_same(run: Run, result: Result) -> None:
    """The published signals in order, features, memberships, bands, failures and counts of a replay."""
    for shard, expected in result.signals.items():
        published = [without_bytes(signal) for signal in run.signals(shard)]
        wanted = [without_bytes(signal) for signal in expected]
        for place, (got, want) in enumerate(zip(published, wanted, strict=False)):
            assert got == want, f"shard {shard}, signal {place}:\n engine    {got}\n reference {want}"
        assert len(published) == len(wanted), (
            f"shard {shard}: {published[len(wanted) :][:2]} / {wanted[len(published) :][:2]}"
        )
    assert_same_customers(run, result)
    assert run.failed() == {(failed.topic, failed.partition, failed.offset) for failed in result.failed}
    assert (run.repeats, run.too_late) == (result.duplicates, result.too_late)


def assert_same_customers(run: Run, result: Result) -> None:
    """Features, memberships and bands at the end."""
    assert run.features.keys() == result.features.keys()
    for customer, expected in result.features.items():
        assert run.features[customer] == expected, difference(customer, run.features[customer], expected)
    for customer, memberships in result.memberships.items():
        inside = {key: (member.entered_at_ms, member.entry_seq) for key, member in memberships.items()}
        assert run.memberships[customer] == inside, customer
    assert run.bands == result.bands


def signal_bytes(run: Run) -> dict[int, list[OutRecord]]:
    """All signals as they are sent, for runs that must agree to the byte."""
    return {
        shard: [record for record in records if record.topic in SIGNAL_TOPICS]
        for shard, records in run.records.items()
    }


def without_bytes(signal: dict[str, Any]) -> dict[str, Any]:
    """Only what both sides name."""
    action = signal.get("action")
    return {name: signal[name] for name in _COMPARED} | {
        "action": None if action is None else {name: action[name] for name in action if name != "action_id"}
    }


def difference(customer: str, got: dict[str, Any], want: dict[str, Any]) -> str:
    wrong = {name: (got.get(name), value) for name, value in want.items() if got.get(name) != value}
    return f"{customer}: (engine, reference) {wrong}"


_COMPARED = (
    "topic", "customer", "at_ms", "kind", "key", "previous", "risk", "rule_version", "entry_seq", "entered_at_ms",
    "abort_type", "version", "cause", "causation_id",
)  # fmt: skip
