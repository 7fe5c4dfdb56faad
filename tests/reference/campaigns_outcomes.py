"""What became of messages, as it is reported back: mostly on `actions.outcomes`, but it means the same everywhere."""

from tests.reference.campaigns import CHANNELS
from tests.reference.customer import Contact, Customer
from tests.reference.event import Event, Invalid

DELIVERED, OPENED, CLICKED = "Action Delivered", "Action Opened", "Action Clicked"
BOUNCED, UNSUBSCRIBED = "Action Bounced", "Action Unsubscribed"
OUTCOMES = (DELIVERED, OPENED, CLICKED, BOUNCED, UNSUBSCRIBED)
#: (outcome, channel) -> the tally that it counts as.
TALLIES = {
    (DELIVERED, "email"): "emails",
    (OPENED, "email"): "email_opens",
    (CLICKED, "email"): "email_clicks",
    (DELIVERED, "push"): "pushes",
    (OPENED, "push"): "push_taps",
    (CLICKED, "push"): "push_taps",
}
#: How many contacts of a customer are remembered.
CONTACTS_MAX = 64
ACTION_ID_LENGTH = 200


def is_outcome(event: Event) -> bool:
    """Whether it is one, on whatever topic."""
    return event.name in OUTCOMES


def check_outcome(event: Event) -> None:
    """Invalid if something is wrong with the outcome's properties."""
    channel = event.properties.get("channel")
    if channel is None:
        raise Invalid("missing_field")
    if not isinstance(channel, str):
        raise Invalid("wrong_type")
    if channel not in CHANNELS:
        raise Invalid("invalid_field")
    action_id = event.properties.get("action_id")
    if action_id is not None and not isinstance(action_id, str):
        raise Invalid("wrong_type")
    if action_id is not None and not 1 <= len(action_id) <= ACTION_ID_LENGTH:
        raise Invalid("invalid_field")


def is_contact(event: Event) -> bool:
    """Whether it is a message of somebody else, which counts for the caps as one of ours."""
    return event.name == DELIVERED and event.properties.get("action_id") is None


def remember_contact(customer: Customer, at_ms: int, channel: str) -> None:
    """One more contact; of too many, the earliest are forgotten."""
    customer.contacts.append(Contact(at_ms, channel))
    customer.contacts.sort(key=lambda one: (one.at_ms, CHANNELS.index(one.channel)))
    del customer.contacts[:-CONTACTS_MAX]
