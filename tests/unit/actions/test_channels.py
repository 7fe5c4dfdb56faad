"""On which channel a step asks."""

import pytest

from streamproc.actions.caps import Contact
from streamproc.actions.channels import choose_channel
from streamproc.actions.said import Facts
from streamproc.actions.zones import zone
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.rules.campaign import Cap, ContactPolicy
from streamproc.windows.panes import NEVER
from tests.unit.actions.desk import DAY_MS, NOON_MS, step

EMAIL, PUSH, SMS = range(3)


def facts(
    consents: tuple[str, ...] = CONSENT_CHANNELS, reacted: int = -1, asked: tuple[int, ...] = ()
) -> Facts:
    return Facts(
        customer="ada",
        now_ms=NOON_MS,
        redefined=False,
        consents=sum(1 << CONSENT_CHANNELS.index(channel) for channel in consents),
        is_suppressed=False,
        complains=False,
        reacted=reacted,
        best_hour=-1,
        zone=zone("UTC"),
        last_activity_ms=NEVER,
        last_order_ms=NEVER,
        holds=lambda _: True,
        contacts=[Contact(channel, NOON_MS) for channel in asked],
    )


CAPS = ContactPolicy(caps=(Cap(1, DAY_MS, "email"), Cap(2, DAY_MS)))


@pytest.mark.parametrize(
    ("channels", "about", "chosen"),
    [
        (("push", "email"), facts(), ("push", None)),
        (("push", "email"), facts(consents=("email",)), ("email", None)),
        (("push",), facts(consents=("email",)), (None, "no_consent")),
        (("email", "push"), facts(asked=(EMAIL,)), ("push", None)),
        (("email",), facts(asked=(EMAIL,)), (None, "frequency_cap")),
        (("sms", "push"), facts(asked=(EMAIL, PUSH)), (None, "frequency_cap")),
        (("email", "push"), facts(consents=("email",), asked=(EMAIL,)), (None, "frequency_cap")),
        (("email", "push"), facts(reacted=SMS), ("email", None)),
    ],
)
def test_the_first_that_has_consent_and_is_below_all_caps(
    channels: tuple[str, ...], about: Facts, chosen: tuple[str | None, str | None]
) -> None:
    assert choose_channel(step(*channels), CAPS, about) == chosen


@pytest.mark.parametrize(
    ("reacted", "consents", "chosen"),
    [(SMS, CONSENT_CHANNELS, "sms"), (SMS, ("phone", "push"), "push"), (-1, CONSENT_CHANNELS, "email")],
)
def test_the_preferred_one_is_that_of_the_latest_reaction(
    reacted: int, consents: tuple[str, ...], chosen: str
) -> None:
    """Without it, or without consent to it, the others in their order."""
    preferred = step(*CONSENT_CHANNELS, preferred=True)
    assert choose_channel(preferred, CAPS, facts(consents, reacted)) == (chosen, None)
