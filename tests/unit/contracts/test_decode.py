"""decode_chunk: what the columns of accepted events hold, and what is said of the others."""

import json

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.contracts.columns import EVENT_DTYPE
from streamproc.contracts.decode import AHEAD_MS_MAX, decode_chunk
from streamproc.contracts.events import DURATION_MS_MAX, EVENT_BYTES_MAX
from streamproc.contracts.meanings import EventMeaning
from tests.unit.contracts.events import (
    APP,
    MEANINGS,
    NOW_MS,
    OUTCOMES,
    SUPPORT,
    WEB,
    Record,
    accepted_events,
    decode,
    event,
    events,
    likely_events,
    outcomes,
    reason_of,
    track,
)


class TestColumns:
    """What an accepted event becomes."""

    def test_a_plain_event(self) -> None:
        """A page call is counted, is activity, and says nothing else."""
        decoded = decode(event())
        columns = decoded.columns
        assert columns.customer == ["u1"]
        assert (columns.topic[0], columns.offset[0], columns.channel[0]) == (1, 100, WEB)
        assert columns.ts_ms[0] == 1_767_225_600_000
        assert columns.message_hash[0] == xxhash.xxh3_64_intdigest(b"m1")
        assert columns.counted[0]
        assert columns.activity[0]
        assert columns.duration_ms[0] == -1
        assert not columns.order[0]
        assert (columns.money_micros[0], columns.cart[0], columns.consent[0]) == (0, 0, -1)
        assert (decoded.failures, decoded.index.tolist()) == ([], [0])

    def test_dtypes_are_those_of_the_contract(self) -> None:
        """Also for a chunk without any event."""
        for columns in (decode(event()).columns, decode().columns, decode(b"").columns):
            assert columns.topic.dtype == np.int8
            assert columns.offset.dtype == np.int64
            assert columns.ts_ms.dtype == np.int64
            assert columns.channel.dtype == np.int8
            assert columns.message_hash.dtype == np.uint64
            assert columns.counted.dtype == columns.activity.dtype == columns.order.dtype == np.bool_
            assert columns.duration_ms.dtype == columns.money_micros.dtype == columns.cart.dtype == np.int64
            assert columns.consent.dtype == np.int16

    def test_only_a_user_id_or_only_an_anonymous_id_or_both(self) -> None:
        """`userId` wins; null is absent."""
        decoded = decode(
            event(userId="u", anonymousId="a"),
            event(userId=None, anonymousId="a"),
            event(userId=..., anonymousId="a\u0000ü😀"),
        )
        assert decoded.columns.customer == ["u", "anon:a", "anon:a\u0000ü😀"]

    @pytest.mark.parametrize(
        ("written", "at_ms"),
        [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-01-01T00:00:00.9999Z", 1_767_225_600_999),
            ("2026-01-01T00:00:00.001Z", 1_767_225_600_001),
            ("2026-01-01T05:30:00+05:30", 1_767_225_600_000),
            ("2025-12-31t22:00:00.5-02:00", 1_767_225_600_500),
        ],
    )
    def test_timestamps_are_rounded_down_to_milliseconds(self, written: str, at_ms: int) -> None:
        """In UTC, whatever the offset."""
        assert decode(event(timestamp=written)).columns.ts_ms.tolist() == [at_ms]

    def test_activity_follows_the_channel_unless_the_meaning_says(self) -> None:
        """Support is no activity; each record may have its own channel."""
        values = [track("Anything")] * 3 + [track("Email Opened")] * 3
        assert decode(*values, channel=[WEB, APP, SUPPORT] * 2).columns.activity.tolist() == [
            True,
            True,
            False,
            False,
            False,
            False,
        ]
        meant = decode(track("Call"), channel=SUPPORT, names={"Call": EventMeaning(activity=True)})
        assert meant.columns.activity.tolist() == [True]

    def test_identify_is_neither_counted_nor_activity(self) -> None:
        """Nor has it a duration."""
        columns = decode(event(type="identify", properties={"duration_ms": 5})).columns
        assert not columns.counted[0]
        assert not columns.activity[0]
        assert columns.duration_ms[0] == -1

    @pytest.mark.parametrize(
        ("traits", "bits"),
        [
            (None, -1),
            ({}, -1),
            ({"consent": None}, -1),
            ({"consent": {"email": None, "fax": "x"}}, -1),
            ({"consent": {"email": True}}, 0b11),
            ({"consent": {"email": False}}, 0b01),
            ({"consent": {"push": True, "in_app": False}}, 0b01_00_00_11_00),
        ],
    )
    def test_consent_of_an_identify_call(self, traits: object, bits: int) -> None:
        """Two bits per channel: said, granted."""
        assert decode(event(type="identify", traits=traits)).columns.consent.tolist() == [bits]
        assert decode(event(type="page", traits=traits)).columns.consent.tolist() == [-1]

    def test_unsubscribing_takes_the_consent_to_email(self) -> None:
        """By the meaning of the name."""
        assert decode(track("Unsubscribed")).columns.consent.tolist() == [0b01]

    @pytest.mark.parametrize(
        ("properties", "micros"),
        [
            (None, 0),
            ({}, 0),
            ({"revenue": 19.99}, 19_990_000),
            ({"revenue": None, "total": 3, "value": 4}, 3_000_000),
            ({"revenue": 0.0000005}, 0),
            ({"revenue": 0.0000015}, 2),
            ({"revenue": 1, "currency": "EUR"}, 1_000_000),
            ({"revenue": 1, "currency": None}, 1_000_000),
            ({"revenue": 10_000_000_000}, 10_000_000_000_000_000),
        ],
    )
    def test_money_is_the_first_that_is_given(self, properties: object, micros: int) -> None:
        """Of revenue, total, value; in millionths, half to even."""
        columns = decode(track("Order Completed", properties=properties)).columns
        assert columns.order.tolist() == [True]
        assert columns.money_micros.tolist() == [micros]

    def test_money_in_another_currency_is_not_counted(self) -> None:
        """The order is, and the mismatch is told; also not where the order fails."""
        order = {"revenue": 1, "currency": "USD"}
        decoded = decode(
            track("Order Completed", properties=order),
            track("Order Completed", properties=order, timestamp="1960-01-01T00:00:00Z"),
            track("Product Viewed", properties=order),
        )
        assert decoded.columns.order.tolist() == [True, False]
        assert decoded.columns.money_micros.tolist() == [0, 0]
        assert decoded.currency_mismatches == 1

    def test_cart(self) -> None:
        """Signed pieces; other events have none, whatever their quantity is."""
        decoded = decode(
            track("Product Added"),
            track("Product Added", properties={"quantity": 3}),
            track("Product Removed", properties={"quantity": 2.0}),
            track("Product Removed", properties={"quantity": None}),
            track("Product Viewed", properties={"quantity": "many"}),
        )
        assert decoded.columns.cart.tolist() == [1, 3, -2, -1, 0]

    @pytest.mark.parametrize(
        ("given", "rounded"),
        [(0, 0), (-0.0, 0), (0.5, 0), (1.5, 2), (184_000, 184_000), (DURATION_MS_MAX, DURATION_MS_MAX)],
    )
    def test_duration(self, given: float, rounded: int) -> None:
        """Rounded half to even; null is absent."""
        columns = decode(
            event(properties={"duration_ms": given}), event(properties={"duration_ms": None})
        ).columns
        assert columns.duration_ms.tolist() == [rounded, -1]

    def test_own_properties_of_the_rules(self) -> None:
        """Money and duration come from the properties that the rules name, for these events only."""
        names = {
            "Ticket Bought": EventMeaning(order=True, value="price", duration="listen_ms"),
            "Other": EventMeaning(order=True),
        }
        properties = {"price": 2, "revenue": 7, "listen_ms": 40, "duration_ms": 9}
        columns = decode(
            track("Ticket Bought", properties=properties),
            track("Other", properties=properties),
            track("Ticket Bought", properties={"revenue": 7, "duration_ms": 9}),
            track("Ticket Bought", properties=None),
            names=names,
        ).columns
        assert columns.money_micros.tolist() == [2_000_000, 7_000_000, 0, 0]
        assert columns.duration_ms.tolist() == [40, 9, -1, -1]

    def test_unknown_names_are_counted(self) -> None:
        """Of accepted track calls only."""
        decoded = decode(
            track("Foo"), track("Bar", userId=5), event(type="page", event="Foo"), track("Cart Viewed")
        )
        assert decoded.unknown_names == 1


class TestSkew:
    """receivedAt - (sentAt - originalTimestamp)."""

    SKEWED = event(
        timestamp="2026-01-01T00:00:00Z",
        receivedAt="2026-03-01T00:00:10Z",
        sentAt="2026-02-01T00:00:05Z",
        originalTimestamp="2026-02-01T00:00:00.001Z",
    )

    def test_is_corrected_where_asked_for(self) -> None:
        """The milliseconds of the sender count."""
        columns = decode(self.SKEWED, correct_skew=True).columns
        assert columns.ts_ms.tolist() == [1_772_323_205_001]

    def test_is_left_alone_otherwise(self) -> None:
        """Nor where one of the three is missing."""
        assert decode(self.SKEWED).columns.ts_ms.tolist() == [1_767_225_600_000]
        for name in ("receivedAt", "sentAt", "originalTimestamp"):
            partly = {**self.SKEWED, name: None}
            assert decode(partly, correct_skew=True).columns.ts_ms.tolist() == [1_767_225_600_000]

    def test_extremes_fail_and_do_not_raise(self) -> None:
        """Years 1 and 9999."""
        extreme = event(
            receivedAt="0001-01-01T00:00:00+23:59",
            sentAt="9999-12-31T23:59:59-23:59",
            originalTimestamp="0001-01-01T00:00:00Z",
        )
        assert reason_of(extreme, correct_skew=True) == ("timestamp_out_of_range", "$.timestamp")


class TestFailures:
    """Every reason, and the field it names."""

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (None, "empty"),
            (b"", "empty"),
            (b" ", "not_json"),
            (b"{", "not_json"),
            (json.dumps(event()).encode() * 2, "not_json"),
            (b'\xef\xbb\xbf{"type":"page"}', "not_json"),
            (b'{"x":NaN}', "not_json"),
            (b'{"x":Infinity}', "not_json"),
            (b'{"x":01}', "not_json"),
            (b"{'x':1}", "not_json"),
            (b"\x00", "not_json"),
            (b"[]", "wrong_type"),
            (b"null", "wrong_type"),
            (b'"a"', "wrong_type"),
        ],
    )
    def test_of_the_whole_value(self, value: bytes | None, reason: str) -> None:
        """They name the whole event, or the first field that could not be."""
        assert reason_of(value)[0] == reason

    def test_of_a_deep_value(self) -> None:
        """Whatever its depth, and wherever."""
        assert reason_of(b'{"x":' * 50_000) == ("too_deep", "$")
        assert reason_of(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}") == ("too_deep", "$")
        assert reason_of(b'{"type":' + b"[" * 100_000 + b"]" * 100_000 + b"}") == ("too_deep", "$")

    def test_of_a_large_value(self) -> None:
        """It is not even read."""
        padded = json.dumps(event(x="")).encode()
        room = b"a" * (EVENT_BYTES_MAX - len(padded))
        assert not decode(padded.replace(b'"x": "', b'"x": "' + room)).failures
        assert reason_of(padded.replace(b'"x": "', b'"x": "a' + room)) == ("too_large", "$")
        assert reason_of(b"a" * 10_000_000) == ("too_large", "$")

    @pytest.mark.parametrize("field", ["userId", "ignored", "messageId"])
    def test_invalid_utf8_fails_wherever_it_stands(self, field: str) -> None:
        """Also in fields that are skipped."""
        value = json.dumps(event(**{field: "XX"})).encode()
        assert reason_of(value.replace(b"XX", b"\xff\xfe")) == ("not_utf8", "$")
        assert reason_of(value.replace(b"XX", b"\xed\xa0\x80")) == ("not_utf8", "$")

    @pytest.mark.parametrize("field", ["userId", "ignored"])
    @pytest.mark.parametrize("escape", [rb"\ud800", rb"\udc00", rb"\ud800\ud800"])
    def test_lone_surrogates_fail_wherever_they_stand(self, field: str, escape: bytes) -> None:
        """They are no text."""
        value = json.dumps(event(**{field: "XX"})).encode()
        assert reason_of(value.replace(b"XX", escape))[0] == "not_json"

    @pytest.mark.parametrize(
        ("value", "reason", "field"),
        [
            (event(type=...), "missing_field", "$.type"),
            (event(type="group"), "invalid_field", "$.type"),
            (event(type=1), "wrong_type", "$.type"),
            (event(type=None), "missing_field", "$.type"),
            (event(messageId=...), "missing_field", "$.messageId"),
            (event(messageId=""), "invalid_field", "$.messageId"),
            (event(messageId="x" * 101), "invalid_field", "$.messageId"),
            (event(messageId=5), "wrong_type", "$.messageId"),
            (event(timestamp=...), "missing_field", "$.timestamp"),
            (event(timestamp=None), "missing_field", "$.timestamp"),
            (event(timestamp=1_767_225_600), "wrong_type", "$.timestamp"),
            (event(timestamp="2026-01-01T00:00:00"), "invalid_field", "$.timestamp"),
            (event(timestamp="2026-01-01"), "invalid_field", "$.timestamp"),
            (event(timestamp="2026-02-30T00:00:00Z"), "invalid_field", "$.timestamp"),
            (event(timestamp="yesterday"), "invalid_field", "$.timestamp"),
            (event(timestamp="1969-12-31T23:59:59.999Z"), "timestamp_out_of_range", "$.timestamp"),
            (event(timestamp="0001-01-01T00:00:00+23:59"), "timestamp_out_of_range", "$.timestamp"),
            (event(timestamp="9999-12-31T23:59:59Z"), "timestamp_in_future", "$.timestamp"),
            (event(timestamp="9999-12-31T23:59:59-14:00"), "timestamp_in_future", "$.timestamp"),
            (event(sentAt="2026-01-01T00:00:00"), "invalid_field", "$.sentAt"),
            (event(userId=...), "no_customer", "$.userId"),
            (event(userId=None, anonymousId=None), "no_customer", "$.userId"),
            (event(userId=""), "invalid_field", "$.userId"),
            (event(userId="x" * 201), "invalid_field", "$.userId"),
            (event(userId=17), "wrong_type", "$.userId"),
            (event(userId="anon:x"), "invalid_field", "$.userId"),
            (event(anonymousId=""), "invalid_field", "$.anonymousId"),
            (track(...), "missing_field", "$.event"),
            (track(None), "missing_field", "$.event"),
            (track(""), "invalid_field", "$.event"),
            (track("x" * 201), "invalid_field", "$.event"),
            (event(properties=[]), "wrong_type", "$.properties"),
            (event(properties={"duration_ms": "5"}), "wrong_type", "$.properties.duration_ms"),
            (event(properties={"duration_ms": True}), "wrong_type", "$.properties.duration_ms"),
            (event(properties={"duration_ms": -1}), "out_of_range", "$.properties.duration_ms"),
            (
                event(properties={"duration_ms": DURATION_MS_MAX + 1}),
                "out_of_range",
                "$.properties.duration_ms",
            ),
            (track("Product Added", properties={"quantity": "2"}), "wrong_type", "$.properties.quantity"),
            (track("Product Added", properties={"quantity": True}), "wrong_type", "$.properties.quantity"),
            (track("Product Added", properties={"quantity": 0}), "out_of_range", "$.properties.quantity"),
            (track("Product Added", properties={"quantity": 1.5}), "out_of_range", "$.properties.quantity"),
            (track("Product Added", properties={"quantity": 10**9}), "out_of_range", "$.properties.quantity"),
            (track("Order Completed", properties={"currency": 5}), "wrong_type", "$.properties.currency"),
            (track("Order Completed", properties={"revenue": 1e13}), "out_of_range", "$.properties.revenue"),
            (track("Order Completed", properties={"total": -5}), "out_of_range", "$.properties.total"),
            (track("Order Completed", properties={"revenue": "9.5"}), "wrong_type", "$.properties.revenue"),
            (track("Order Completed", properties={"value": True}), "wrong_type", "$.properties.value"),
            (track("Order Completed", properties={"total": 1e308}), "out_of_range", "$.properties.total"),
            (
                track("Order Completed", properties={"total": -(10**400)}),
                "out_of_range",
                "$.properties.total",
            ),
            (
                event(type="identify", traits={"consent": {"email": "yes"}}),
                "wrong_type",
                "$.traits.consent.email",
            ),
            (event(traits={"consent": ["email"]}), "wrong_type", "$.traits.consent"),
        ],
    )
    def test_of_a_field(self, value: dict[str, object], reason: str, field: str) -> None:
        """The first of them is told."""
        assert reason_of(value) == (reason, field)

    def test_a_number_that_no_double_holds(self) -> None:
        """Fails where it is read, not where it is skipped."""
        value = json.dumps(event(properties={"revenue": 0.25, "weight": 0.75})).encode()
        assert reason_of(value.replace(b"0.25", b"1e999")) == ("out_of_range", "$.properties.revenue")
        assert not decode(value.replace(b"0.75", b"1e999")).failures

    @pytest.mark.parametrize(
        ("properties", "reason", "field"),
        [
            ({"listen_ms": "5"}, "wrong_type", "$.properties.listen_ms"),
            ({"listen_ms": -1}, "out_of_range", "$.properties.listen_ms"),
            ({"price": 1e300}, "out_of_range", "$.properties.price"),
        ],
    )
    def test_of_own_properties(self, properties: dict[str, object], reason: str, field: str) -> None:
        """They are named as the rules name them."""
        names = {"Heard": EventMeaning(order=True, value="price", duration="listen_ms")}
        assert reason_of(track("Heard", properties=properties), names=names) == (reason, field)

    def test_the_future_begins_five_minutes_ahead(self) -> None:
        """Against the wall clock that is passed in."""
        at_ms = 1_767_225_600_000
        assert not decode(event(), wall_now_ms=at_ms - AHEAD_MS_MAX).failures
        assert reason_of(event(), wall_now_ms=at_ms - AHEAD_MS_MAX - 1)[0] == "timestamp_in_future"

    def test_messages_name_the_field_and_what_to_send(self) -> None:
        """A person can act on them; they do not depend on the clock."""
        (failure,) = decode(event(timestamp="2026-01-01T00:00:00")).failures
        assert failure.message == (
            "`timestamp` has a value that is not allowed; it must be an ISO 8601 time with a UTC offset, "
            "such as 2026-01-31T12:00:00.000Z."
        )
        future = [decode(event(), wall_now_ms=now_ms).failures for now_ms in (0, 5)]
        assert future[0] == future[1]

    def test_failures_are_in_order_and_know_their_records(self) -> None:
        """However they were found; good events keep their places."""
        decoded = decode(
            event(userId=...), b"{", event(), event(timestamp="1960-01-01T00:00:00Z"), None, event()
        )
        assert [(failure.position, failure.offset) for failure in decoded.failures] == [
            (0, 100),
            (1, 101),
            (3, 103),
            (4, 104),
        ]
        assert decoded.index.tolist() == [2, 5]
        assert decoded.columns.offset.tolist() == [102, 105]

    @pytest.mark.parametrize(
        ("tail", "reason"),
        [(b"}", "missing_field"), (b"", "not_json"), (b"}}", "not_json"), (b"\xff}", "not_utf8")],
    )
    def test_no_json_is_called_so_whatever_its_fields_are(self, tail: bytes, reason: str) -> None:
        """The first wrong field would mislead."""
        assert reason_of(b'{"type":"page","timestamp":"2026-01-01T00:00:00Z"' + tail)[0] == reason

    def test_only_the_first_of_several_mistakes_is_told(self) -> None:
        """One failure per record."""
        assert len(decode(track(None, userId=None, timestamp="1960-01-01T00:00:00Z")).failures) == 1


def _decode_bytes(values: list[bytes]) -> tuple[object, ...]:
    decoded = decode(*values)
    assert sorted([*decoded.index.tolist(), *(f.position for f in decoded.failures)]) == list(
        range(len(values))
    )
    return decoded.columns.customer, decoded.columns.ts_ms.tolist(), decoded.failures


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_are_accepted_or_failures(values: list[bytes]) -> None:
    """Never an exception, and every record is one of the two."""
    _decode_bytes(values)


@settings(max_examples=150, deadline=None)
@given(events | likely_events, st.data())
def test_damaged_events_are_accepted_or_failures(value: dict[str, object], data: st.DataObject) -> None:
    """Any event with any byte changed, cut or doubled."""
    whole = json.dumps(value, ensure_ascii=data.draw(st.booleans())).encode()
    start, stop = sorted(data.draw(st.tuples(st.integers(0, len(whole)), st.integers(0, len(whole)))))
    _decode_bytes([whole[:start] + data.draw(st.binary(max_size=3)) + whole[stop:]])


@settings(max_examples=100, deadline=None)
@given(st.lists(events | likely_events | accepted_events | outcomes, max_size=6), st.data())
def test_events_do_not_touch_each_other(values: list[dict[str, object]], data: st.DataObject) -> None:
    """A chunk gives what its records give one by one."""
    origins = data.draw(st.lists(st.sampled_from([WEB, APP, SUPPORT, OUTCOMES]), min_size=6, max_size=6))
    records = [Record(place, json.dumps(value).encode()) for place, value in enumerate(values)]
    whole, *alone = (
        decode_chunk(records[part], topic=0, origin=origins[part], meanings=MEANINGS, wall_now_ms=NOW_MS)
        for part in (slice(len(records)), *(slice(place, place + 1) for place in range(len(records))))
    )
    assert whole.columns.customer == [one for each in alone for one in each.columns.customer]
    for name in EVENT_DTYPE.names or ():
        column = [value for each in alone for value in getattr(each.columns, name).tolist()]
        assert getattr(whole.columns, name).tolist() == column
    assert [(f.offset, f.message) for f in whole.failures] == [
        (f.offset, f.message) for each in alone for f in each.failures
    ]
    assert whole.unknown_names == sum(each.unknown_names for each in alone)
    assert whole.currency_mismatches == sum(each.currency_mismatches for each in alone)
    assert whole.unknown_zones == sum(each.unknown_zones for each in alone)
