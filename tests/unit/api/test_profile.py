"""One customer, found in the store and described."""

from dataclasses import replace

import msgspec
import pytest

from streamproc.api.profile import CustomerUnknown, describe_customer, find_customer
from streamproc.errors import StreamprocError
from streamproc.features.registry import FEATURES
from streamproc.quota import Controls
from streamproc.state.layout import LAYOUT_VERSION, pack
from streamproc.state.memory_store import MemoryStore
from streamproc.state.store import Commit
from streamproc.windows.panes import DAY_MS
from tests.unit.api.customers import SMALL, START_MS, consent, customer, definitions_of

VISITS = [
    (0, {"consent": consent("email", given=True)}),
    (1, {}),
    (2, {"order": True, "money_micros": 39_800_000}),
]


async def test_a_customer_is_found() -> None:
    """In the one shard there is; ids are exact."""
    store = MemoryStore()
    with pytest.raises(StreamprocError, match="no state under this prefix"):
        await find_customer(store, "ada")
    head = await store.acquire(
        0, generation=1, member="g", partitions=1, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
    )
    await store.commit(head, Commit(states=[(b"ada", pack(customer(VISITS, 3).table)[0])], time_ms=START_MS))
    await store.set_control("winback_dormant", "paused")
    stored = await find_customer(store, "ada")
    assert stored.controls == Controls({"winback_dormant": "paused"})
    assert (stored.table.ids, stored.head.time_ms) == (["ada"], START_MS)
    with pytest.raises(CustomerUnknown, match="'Ada' is not known"):
        await find_customer(store, "Ada")
    assert describe_customer(stored, SMALL, START_MS + 3 * DAY_MS)["customer_id"] == "ada"


def test_a_profile_holds_it_all() -> None:
    """What there was before stays: features, segments, churn, consent, timers."""
    profile = describe_customer(customer(VISITS, 20), SMALL, START_MS + 20 * DAY_MS)
    assert list(profile["features"]) == list(FEATURES)
    assert (profile["features"]["money_90d"], profile["currency"]) == (39.8, "USD")
    assert "orders_90d" in profile["incomplete"]
    assert profile["consent"] == {"email": True}
    assert profile["churn"]["band"] is not None
    assert profile["timers"]["next_check_at"] == profile["outlook"]["check_at"]
    assert {"channels", "timeline", "tallies", "funnels", "preferences"} <= set(profile)


def test_segments_come_with_what_let_them_in_if_it_still_holds() -> None:
    """`evidence` is about leaving, `entry_evidence` about entering."""
    by_key = {
        segment["key"]: segment
        for segment in describe_customer(customer(VISITS, 20), SMALL, START_MS + 20 * DAY_MS)["segments"]
    }
    active = by_key["active"]
    assert [(item["feature"], item["holds"]) for item in active["evidence"]] == [("recency", False)]
    assert active["entry_evidence"] == []  # 18 days ago: no longer let in, not yet let out
    recent = describe_customer(customer(VISITS, 14.5), SMALL, START_MS + int(14.5 * DAY_MS))
    (active,) = [segment for segment in recent["segments"] if segment["key"] == "active"]
    assert [item["feature"] for item in active["entry_evidence"]] == ["recency", "active_days_90d"]


def test_segments_of_older_rules_have_no_evidence() -> None:
    stored = customer(VISITS, 20)
    none_left = replace(SMALL, ruleset=replace(SMALL.ruleset, segments=(), campaigns=()))
    segments = describe_customer(stored, none_left, START_MS + 20 * DAY_MS)["segments"]
    assert segments
    assert all(segment["evidence"] == segment["entry_evidence"] == [] for segment in segments)


@pytest.mark.parametrize("is_in_the_rules", [True, False])
def test_what_campaigns_watch_is_no_segment(is_in_the_rules: bool) -> None:
    """Nor once the rules have lost it, as the shard knows its key."""
    rules = definitions_of("""
campaigns:
  - {key: nag, name: Nag, version: 1, on: inactive 1d, reentry: never, channel: email, reason: Nag, expires_after: 2d}
""")
    stored = customer([(0, {})], 2, rules)
    (watch,) = rules.ruleset.watches
    assert watch.id in stored.table.members["segment"]
    names = msgspec.json.encode({watch.id: (watch.key, 1)})
    stored = replace(stored, head=replace(stored.head, extra={"segments": names}))
    profile = describe_customer(stored, rules if is_in_the_rules else SMALL, START_MS + 2 * DAY_MS)
    assert profile["segments"] == []
    assert [moment["what"] for moment in profile["timeline"] if moment["about"] == "segment"] == []


def test_who_campaigns_must_not_ask() -> None:
    said = {"counted": False, "activity": False, "suppressed": 1}
    profile = describe_customer(customer([(0, {}), (1, said)], 2), SMALL, START_MS + 2 * DAY_MS)
    assert profile["suppressed"]
    assert profile["time_zone"] == {"name": "UTC", "told": False}
    assert profile["requests_held_since"] is None
    assert profile["campaigns"] == []
