"""The channel on which a step may ask: the first by preference that has consent and is below all caps."""

from collections.abc import Sequence

from streamproc.actions.caps import is_capped
from streamproc.actions.said import Facts
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.contracts.signal_types import AbortType
from streamproc.rules.campaign import ContactPolicy, Step


def choose_channel(
    step: Step, policy: ContactPolicy, facts: Facts
) -> tuple[str, None] | tuple[None, AbortType]:
    """The channel, or why there is none."""
    consented = [channel for channel in _in_order(step, facts) if _consents(facts, channel)]
    for channel in consented:
        if not is_capped(policy.caps, channel, facts.contacts, facts.now_ms, facts.zone):
            return channel, None
    return None, "frequency_cap" if consented else "no_consent"


def _in_order(step: Step, facts: Facts) -> Sequence[str]:
    if not step.preferred or facts.reacted < 0:
        return step.channels
    return tuple(dict.fromkeys((CONSENT_CHANNELS[facts.reacted], *step.channels)))


def _consents(facts: Facts, channel: str) -> bool:
    return bool(facts.consents >> CONSENT_CHANNELS.index(channel) & 1)
