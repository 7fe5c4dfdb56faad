"""The histories of the demo."""

import hashlib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from streamproc.contracts.decode import Decoded, decode_chunk
from streamproc.contracts.meanings import CHANNELS, Meanings
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS
from streamproc.errors import StreamprocError
from streamproc.simulate import cdnow
from streamproc.simulate.cdnow import load_cdnow
from streamproc.simulate.ecom import load_ecom
from streamproc.simulate.history import DAY_MS, SILENCE_DAYS, History, HistoryEvent, spoilt, with_consent

NOW_MS = 1_800_000_000_000
CDNOW = """ customer_id  date number_of_cds  dollar_value
 00002 19970112  1   12.00
 00001 19970101  1   11.77
 00002 19970112  5   77.00
"""


@pytest.fixture(scope="module")
def ecom() -> History:
    return load_ecom()


def decode(events: list[HistoryEvent], channel: str) -> Decoded:
    """As the worker reads them."""
    records = [
        SimpleNamespace(offset=n, key=item.customer.encode(), value=item.value, timestamp=0, headers=())
        for n, item in enumerate(events)
    ]
    return decode_chunk(
        records,
        topic=0,
        origin=CHANNELS.index(channel),
        meanings=Meanings(DEFAULT_MEANINGS, "USD"),
        wall_now_ms=NOW_MS,
    )


def test_ecom_is_all_of_the_clickstream_and_a_consent_for_everybody(ecom: History) -> None:
    """31,106 events of 600 customers; one identify each."""
    types = Counter(orjson.loads(item.value)["type"] for item in ecom.events)
    assert ecom.customers == types["identify"] == 600
    assert len(ecom.events) == 31_106 + 600
    assert Counter(item.topic for item in ecom.events)["events.support"] == 277
    assert (ecom.first_ms, ecom.last_ms) == (1704368738000, 1719698560000)


@pytest.mark.parametrize("channel", CHANNELS)
def test_ecom_is_accepted(ecom: History, channel: str) -> None:
    """The worker refuses none of it, and finds the customers and times that we see."""
    events = [item for item in ecom.events if item.topic == f"events.{channel}"]
    decoded = decode(events, channel)
    assert decoded.failures == []
    assert decoded.columns.customer == [item.customer for item in events]
    assert decoded.columns.ts_ms.tolist() == [item.ts_ms for item in events]


def test_ecom_keeps_what_the_source_says(ecom: History) -> None:
    """470 purchases, without money; 1,346 times something was put into the cart."""
    shop = [item for item in ecom.events if item.topic != "events.support"]
    columns = decode(shop, "web").columns
    assert int(columns.order.sum()) == 470
    assert int(columns.money_micros.sum()) == 0
    assert int(columns.cart.sum()) == 1_346


def test_ecom_is_in_the_order_of_time_and_the_same_at_every_run(ecom: History) -> None:
    """Message ids too, each once."""
    times = [item.ts_ms for item in ecom.events]
    assert times == sorted(times)
    ids = [orjson.loads(item.value)["messageId"] for item in ecom.events]
    assert len(set(ids)) == len(ids)
    assert load_ecom() == ecom


def test_most_agree_to_emails_and_half_of_them_to_push(ecom: History) -> None:
    """Consent is invented, and the notes say so."""
    calls = [orjson.loads(item.value) for item in ecom.events]
    consents = [call["traits"]["consent"] for call in calls if call["type"] == "identify"]
    assert 0.75 < sum(consent["email"] for consent in consents) / len(consents) < 0.85
    assert 0.45 < sum(consent["push"] for consent in consents) / len(consents) < 0.55
    assert any("Consent is invented" in note for note in ecom.notes)


def test_a_consent_comes_before_its_customer_does_anything() -> None:
    """At the time of the first event, however the events were ordered."""
    events = [
        HistoryEvent(ts_ms, "events.app", who, b"{}") for ts_ms, who in ((30, "b"), (20, "a"), (10, "b"))
    ]
    timeline = with_consent(events, "test")
    assert [(item.ts_ms, item.customer, item.value != b"{}") for item in timeline] == [
        (10, "b", True),
        (10, "b", False),
        (20, "a", True),
        (20, "a", False),
        (30, "b", False),
    ]


def test_until_is_a_midnight_after_the_silence(ecom: History) -> None:
    """So that the last thing that happens is that nothing happens."""
    assert ecom.until_ms % DAY_MS == 0
    assert SILENCE_DAYS * DAY_MS <= ecom.until_ms - ecom.last_ms < (SILENCE_DAYS + 1) * DAY_MS


def test_spoilt_events_are_refused_each_for_its_mistake(ecom: History) -> None:
    """All of them, and no two for the same reason and field."""
    events = spoilt(ecom)
    failures = decode(events, "web").failures
    assert len(events) == len(failures) == 5
    assert {(failure.reason.value, failure.field) for failure in failures} == {
        ("missing_field", "$.messageId"),
        ("invalid_field", "$.timestamp"),
        ("invalid_field", "$.type"),
        ("not_json", "$"),
        ("not_utf8", "$"),
    }


def cached(directory: Path, text: str) -> dict[str, str]:
    """An environment whose cache holds this instead of the data."""
    path = directory / "streamproc" / "lifetimes-0.11.3" / "lifetimes" / "datasets" / "CDNOW_master.txt"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return {"XDG_CACHE_HOME": str(directory)}


def test_cdnow_purchases_are_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their money, at noon of their day; two of one day are two."""
    monkeypatch.setattr(cdnow, "_SHA256", hashlib.sha256(CDNOW.encode()).hexdigest())
    history = load_cdnow(cached(tmp_path, CDNOW), one_in=1)
    orders = [item for item in history.events if b"Order Completed" in item.value]
    columns = decode(orders, "web").columns
    assert columns.customer == ["00001", "00002", "00002"]
    assert columns.money_micros.tolist() == [11_770_000, 12_000_000, 77_000_000]
    assert columns.order.all()
    assert columns.ts_ms.tolist() == [852_120_000_000, 853_070_400_000, 853_070_400_000]
    assert history.customers == 2


def test_a_part_of_cdnow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the customers' numbers, with everything these bought; the notes say so."""
    monkeypatch.setattr(cdnow, "_SHA256", hashlib.sha256(CDNOW.encode()).hexdigest())
    history = load_cdnow(cached(tmp_path, CDNOW), one_in=2)
    assert [item.customer for item in history.events] == ["00002"] * 3
    assert "divisible by 2" in history.notes[0]


def test_other_data_than_cdnow_is_refused(tmp_path: Path) -> None:
    """A demo that runs on something else would tell something else."""
    with pytest.raises(StreamprocError, match="not the file of lifetimes") as caught:
        load_cdnow(cached(tmp_path, CDNOW), one_in=1)
    assert str(tmp_path) in caught.value.fix
