"""Messages go to those who agreed, and to nobody else."""

from streamproc.simulate.lives.campaigns import campaigns_of
from tests.unit.simulate.lives.people import happenings, kind

NEEDS = {"Email Delivered": "email", "Push Notification Received": "push"}
WITHDRAWALS = {"Email Unsubscribed", "Email Marked as Spam", "Account Deleted"}


def test_consent_comes_before_every_message_and_is_respected_once_it_is_withdrawn() -> None:
    """By what the events themselves have said until then."""
    agreed: dict[str, dict[str, bool]] = {}
    delivered = 0
    for item in happenings():
        consent = agreed.setdefault(item.who.name, {})
        if kind(item) == "identify":
            consent.update(item.call["traits"]["consent"])
        elif kind(item) in WITHDRAWALS:
            consent["email"] = False
        elif kind(item) in NEEDS:
            delivered += 1
            assert consent.get(NEEDS[kind(item)]), item
    assert delivered > 1000


def test_a_click_leads_to_a_visit() -> None:
    """The next thing that the customer does is to look at the shop; and it comes after the opening."""
    clicks = 0
    clicked: dict[str, bool] = {}
    opened = set()
    for item in happenings():
        name = kind(item)
        if name == "Email Opened":
            opened.add(item.who.name)
        if clicked.pop(item.who.name, False):
            assert name in {"page", "Application Opened", "Application Installed"}
        if name == "Email Link Clicked":
            assert item.who.name in opened
            clicked[item.who.name] = True
            clicks += 1
    assert clicks > 30


def test_there_are_campaigns_of_both_kinds() -> None:
    """A newsletter every week."""
    sent = [campaign for day in range(20_000, 20_070) for campaign in campaigns_of(day)]
    assert [campaign.channel for campaign in sent].count("email") == 10
    assert [campaign.channel for campaign in sent].count("push") == 7
    assert len({campaign.name for campaign in sent}) == 17
