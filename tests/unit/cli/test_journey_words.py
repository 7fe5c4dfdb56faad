"""Campaigns in words."""

from typing import get_args

import pytest

from streamproc.cli.journey_words import refusal_words, step_words, trigger_words
from streamproc.contracts.signal_types import AbortType, WaitedFor
from streamproc.rules.triggers import FORMS


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        ("enter lapsed", "lapsed was entered"),
        ("exit lapsed", "lapsed was left"),
        ("band high", "the risk rose to high"),
        ("band high both", "the risk rose to high, or fell below it"),
        ("inactive 30d", "there was no activity for 30d"),
        ("cart abandoned 4h", "the cart was left alone for 4h"),
        ("funnel signup abandoned 1d", "the funnel signup was left alone for 1d"),
        ("answer nps", "there was an answer to nps"),
        ("ticket open", "a ticket was opened"),
        ("ticket overdue 2d", "a ticket had been open for 2d"),
        ("becomes recency > 5d and nps <= 6", "`recency > 5d and nps <= 6` came true"),
    ],
)
def test_triggers(trigger: str, words: str) -> None:
    assert trigger_words(trigger) == words
    assert trigger.split(maxsplit=1)[0] in FORMS


def test_every_kind_of_trigger_has_words() -> None:
    told = {trigger.split()[0] for trigger, _ in test_triggers.pytestmark[0].args[1]}
    assert told == set(FORMS)
    assert trigger_words("older 3") == "`older 3`"


@pytest.mark.parametrize("abort_type", get_args(AbortType))
def test_every_refusal_has_words(abort_type: str) -> None:
    words = refusal_words({"abort_type": abort_type})
    assert words != abort_type
    assert "_" not in words


@pytest.mark.parametrize("waited_for", get_args(WaitedFor))
def test_what_was_waited_for_in_vain(waited_for: str) -> None:
    words = refusal_words({"abort_type": "expired", "waited_for": waited_for})
    assert words.startswith("its time was over while ")


def test_rivals_and_offers_are_named() -> None:
    outranked = {"abort_type": "outranked", "outranked_by": "rescue"}
    assert refusal_words(outranked) == "another campaign goes before: rescue"
    assert step_words({"reason": "Quiet", "offer": "ten"}) == "Quiet; offer ten"
    assert step_words({"reason": "Quiet"}) == "Quiet"
