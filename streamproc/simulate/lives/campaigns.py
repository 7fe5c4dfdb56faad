"""Messages of the shop to those who agreed to them: e-mails and pushes, what comes of them, and who has enough."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from streamproc.simulate.lives.chance import Chance
from streamproc.simulate.lives.life import APP, DAY_MS, HOUR_MS, MINUTE_MS, WEB, Diary, Life
from streamproc.simulate.lives.shop import track
from streamproc.simulate.lives.visits import withdraw

_BOUNCES: Final = 0.005
_SPAM: Final = 0.1  # of those who unsubscribe
#: An e-mail waits for its reader, a push for a moment only.
_OPENED_MS: Final = 4 * HOUR_MS
_TAPPED_MS: Final = 10 * MINUTE_MS
#: A push message is tapped so often as an e-mail that is opened leads to a click, times this.
_TAPS: Final = 0.33
_SILENCES: Final = 0.002
#: To whom has been gone for so long nothing is sent any more.
_FORGOTTEN_MS: Final = 180 * DAY_MS


class Campaign(NamedTuple):
    """A message to everybody who agreed. channel: email or push; at_ms: epoch ms."""

    name: str
    channel: str
    at_ms: int


def campaigns_of(day: int) -> Sequence[Campaign]:
    """What is sent on a day (epoch days): a newsletter a week, and a push every ten days."""
    sent = []
    if day % 7 == 5:  # Tuesdays
        sent.append(Campaign(f"newsletter-{day // 7}", "email", day * DAY_MS + 9 * HOUR_MS))
    if day % 10 == 0:
        sent.append(Campaign(f"deal-{day // 10}", "push", day * DAY_MS + 17 * HOUR_MS))
    return sent


def reachable(life: Life, campaign: Campaign) -> bool:
    """Whether it is sent to this customer: consent is known, and not taken back."""
    if not life.introduced:
        return False
    return life.email if campaign.channel == "email" else life.push and life.has_app


def forgotten(life: Life, campaign: Campaign) -> bool:
    """Whether neither this campaign nor a later one can reach the customer."""
    if life.deleted or not (life.email or life.push):
        return True
    return life.over and campaign.at_ms - life.ends_ms > _FORGOTTEN_MS


def send(life: Life, chance: Chance, campaign: Campaign, diary: Diary) -> bool:
    """Send it. Whether the next visit is now another one, to which the message leads."""
    begins_ms = campaign.at_ms + chance.whole(0, 20 * MINUTE_MS)
    about = {"campaign_id": campaign.name}
    # Whoever has gone neither reads nor answers.
    present = not life.over and life.begins_ms <= begins_ms <= life.ends_ms
    if campaign.channel == "push":
        return _push(life, chance, begins_ms, about, diary, present)
    return _email(life, chance, begins_ms, about, diary, present)


def _email(
    life: Life, chance: Chance, at_ms: int, about: dict[str, str], diary: Diary, present: bool
) -> bool:
    if chance.draw() < _BOUNCES:
        diary.tell(life, at_ms, WEB, track("Email Bounced", about))
        return False
    diary.tell(life, at_ms, WEB, track("Email Delivered", about))
    if not present:
        return False
    if chance.draw() < life.persona.unsubscribes:
        if chance.draw() < _SPAM:
            diary.tell(life, at_ms + MINUTE_MS, WEB, track("Email Marked as Spam", about))
        withdraw(life, diary, at_ms + 2 * MINUTE_MS, "email")
        return False
    if chance.draw() >= life.persona.opens:
        return False
    opened_ms = at_ms + int(_OPENED_MS * chance.waiting())
    diary.tell(life, opened_ms, WEB, track("Email Opened", about))
    return chance.draw() < life.persona.clicks and _lure(
        life, opened_ms + chance.whole(5_000, 90_000), "email"
    )


def _push(life: Life, chance: Chance, at_ms: int, about: dict[str, str], diary: Diary, present: bool) -> bool:
    diary.tell(life, at_ms, APP, track("Push Notification Received", about))
    if not present:
        return False
    if chance.draw() < _SILENCES:
        withdraw(life, diary, at_ms + MINUTE_MS, "push")
        return False
    taps = _TAPS * life.persona.clicks
    return chance.draw() < taps and _lure(life, at_ms + int(_TAPPED_MS * chance.waiting()), "push")


def _lure(life: Life, at_ms: int, channel: str) -> bool:
    """Bring the next visit forward. Who comes anyhow before that needs no message."""
    if not at_ms < life.next_ms or at_ms > life.ends_ms:
        return False
    life.next_ms, life.lured_by = at_ms, channel
    return True
