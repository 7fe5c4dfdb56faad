"""Meanings of names."""

import numpy as np
import pytest

from streamproc.contracts.columns import EVENT_DTYPE, EventRows
from streamproc.contracts.meanings import (
    CHANNELS,
    CONSENT_CHANNELS,
    IDENTIFY,
    ORIGINS,
    OUTCOME,
    OUTCOME_CODES,
    EventMeaning,
    Meanings,
    MeaningTable,
    consent_bits,
)
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS


def test_codes_are_frozen() -> None:
    """States keep them."""
    assert CHANNELS == ("web", "app", "support")
    assert CONSENT_CHANNELS == ("email", "push", "sms", "phone", "in_app")


def test_default_meanings_name_known_channels_only() -> None:
    """And cart and orders exclude each other."""
    for meaning in DEFAULT_MEANINGS.values():
        assert set(meaning.consent or {}) <= set(CONSENT_CHANNELS)
        assert not (meaning.order and meaning.cart)


@pytest.mark.parametrize("name", ["Order Completed", "Product Added", "Product Removed", "Unsubscribed"])
def test_default_meanings_have_what_the_engine_needs(name: str) -> None:
    """Their effects are in docs/semantics.md."""
    assert DEFAULT_MEANINGS[name] != EventMeaning()


def test_bits_of_consent() -> None:
    """Two per channel; -1 where nothing is said."""
    assert consent_bits({}) == -1
    assert consent_bits({"fax": True, "email": None}) == -1
    everything = dict.fromkeys(CONSENT_CHANNELS, True)
    assert consent_bits(everything) == 0b11_11_11_11_11
    assert consent_bits(dict.fromkeys(CONSENT_CHANNELS, False)) == 0b01_01_01_01_01


def _plain(table: MeaningTable) -> EventRows:
    """EVENT_DTYPE[origins, codes]"""
    return np.frombuffer(table.plain, EVENT_DTYPE).reshape(len(ORIGINS), -1)


def test_the_table_has_the_default_of_every_channel() -> None:
    """Identify is activity nowhere."""
    table = Meanings({"A": EventMeaning(), "B": EventMeaning(activity=True)}, "EUR").table
    channels = np.arange(3)
    for code, activity in (
        (table.codes["A"], [True, True, False]),
        (table.codes["B"], [True, True, True]),
        (IDENTIFY, [False, False, False]),
    ):
        plain = _plain(table)[channels, code]
        assert plain["channel"].tolist() == [0, 1, 2]
        assert plain["activity"].tolist() == activity


def test_an_outcome_means_the_same_everywhere() -> None:
    """Whatever the rules file says of its name; and on the topic of outcomes all events are looked at."""
    table = Meanings({"Action Opened": EventMeaning(order=True, counts="searches")}, "EUR").table
    assert table.codes["Action Opened"] == OUTCOME_CODES[1]
    plain = _plain(table)[:, OUTCOME_CODES]
    for name in ("counted", "activity", "order", "name"):
        assert not plain[name].any()
    assert (plain["tally"] == -1).all()
    looks = np.frombuffer(table.looks, np.uint8).reshape(len(ORIGINS), -1)
    assert (looks[:, OUTCOME_CODES] == OUTCOME).all()
    assert (looks[ORIGINS.index("outcomes")] == OUTCOME).all()


def test_a_channel_of_its_own_decides_about_activity() -> None:
    """Whatever the topic is."""
    table = Meanings({"A": EventMeaning(channel="support"), "B": EventMeaning(channel="app")}, "EUR").table
    plain = _plain(table)[[0, 2], [table.codes["A"], table.codes["B"]]]
    assert (plain["channel"].tolist(), plain["activity"].tolist()) == ([2, 1], [False, True])


def test_properties_that_are_known_anyway_are_not_own_ones() -> None:
    """They would be decoded twice."""
    names = {
        "A": EventMeaning(order=True, value="total", duration="duration_ms"),
        "B": EventMeaning(order=True, value="contract_value"),
    }
    assert set(Meanings(names, "EUR").own_properties) == {"contract_value"}


def test_equality_is_that_of_names_and_currency() -> None:
    """Whether the tables were made already or not."""
    one, other = Meanings({"A": EventMeaning()}, "EUR"), Meanings({"A": EventMeaning()}, "EUR")
    assert one.table is one.table
    assert one == other
    assert one != Meanings({"A": EventMeaning()}, "USD")
