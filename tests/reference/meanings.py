"""What event names mean: the table of docs/events.md, and what a rules file puts over it."""

from dataclasses import dataclass, field
from typing import Any

#: What an event can count as; the last two are what its valence makes it count as.
TALLIES = (
    *("searches", "product_views", "checkouts", "refunds", "coupons", "content_views", "feature_uses"),
    *("app_opens", "crashes", "pushes", "push_taps", "emails", "email_opens", "email_clicks"),
    *("support_contacts", "surveys", "shares", "referrals", "negatives", "positives"),
)
#: valence -> the tally that it counts as, besides what the event counts as otherwise.
TALLY_OF_VALENCE = {"negative": "negatives", "positive": "positives"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an event name means; channel None: the topic's; activity None: as the channel has it."""

    channel: str | None = None
    activity: bool | None = None
    valence: str = "neutral"
    counts: str | None = None
    order: bool = False
    value: str | None = None
    duration: str | None = None
    cart: str | None = None
    survey: bool = False
    ticket: str | None = None
    consent: dict[str, bool] = field(default_factory=dict)


PLAIN = Meaning()
#: The fields of a meaning, as a rules file names them.
FIELDS = tuple(Meaning.__dataclass_fields__)

NEGATIVE, POSITIVE = {"valence": "negative"}, {"valence": "positive"}
PASSIVE = {"activity": False}
APP, SUPPORT = {"channel": "app"}, {"channel": "support"}
NO_EMAIL = {**PASSIVE, **NEGATIVE, "consent": {"email": False}}

DEFAULT_MEANINGS: dict[str, dict[str, Any]] = {
    "Products Searched": {"counts": "searches"},
    "Product List Viewed": {},
    "Product Clicked": {},
    "Product Viewed": {"counts": "product_views"},
    "Product Added": {"cart": "add"},
    "Product Removed": {"cart": "remove"},
    "Product Added to Wishlist": POSITIVE,
    "Cart Viewed": {},
    "Checkout Started": {"counts": "checkouts"},
    "Checkout Step Viewed": {"counts": "checkouts"},
    "Checkout Step Completed": {"counts": "checkouts"},
    "Payment Info Entered": {"counts": "checkouts"},
    "Coupon Entered": {},
    "Coupon Applied": {"counts": "coupons"},
    "Coupon Denied": {},
    "Order Completed": {**POSITIVE, "order": True},
    "Order Updated": PASSIVE,
    "Order Cancelled": NEGATIVE,
    "Order Refunded": {**PASSIVE, **NEGATIVE, "counts": "refunds"},
    "Product Reviewed": {},
    "Product Shared": {**POSITIVE, "counts": "shares"},
    "Cart Shared": {**POSITIVE, "counts": "shares"},
    "Account Created": {},
    "Account Deleted": {**PASSIVE, **NEGATIVE},
    "Signed Up": POSITIVE,
    "Signed In": {},
    "Signed Out": {},
    "Trial Started": POSITIVE,
    "Trial Ended": PASSIVE,
    "Onboarding Step Completed": POSITIVE,
    "Onboarding Completed": POSITIVE,
    "Feature Used": {"counts": "feature_uses"},
    "Referral Sent": {**POSITIVE, "counts": "referrals"},
    "Content Viewed": {"counts": "content_views"},
    "Article Read": {"counts": "content_views"},
    "Video Playback Started": {"counts": "content_views"},
    "Video Playback Paused": {},
    "Video Playback Resumed": {},
    "Video Playback Interrupted": {**PASSIVE, **NEGATIVE},
    "Video Playback Completed": POSITIVE,
    "Video Content Started": {},
    "Video Content Completed": POSITIVE,
    "Application Installed": {**APP, **POSITIVE},
    "Application Opened": {**APP, "counts": "app_opens"},
    "Application Backgrounded": {**APP, **PASSIVE},
    "Application Updated": {**APP, **PASSIVE},
    "Application Crashed": {**APP, **PASSIVE, **NEGATIVE, "counts": "crashes"},
    "Application Uninstalled": {**APP, **PASSIVE, **NEGATIVE},
    "Push Notification Received": {**APP, **PASSIVE, "counts": "pushes"},
    "Push Notification Tapped": {**APP, **POSITIVE, "counts": "push_taps"},
    "Email Delivered": {**PASSIVE, "counts": "emails"},
    "Email Bounced": PASSIVE,
    "Email Opened": {**PASSIVE, "counts": "email_opens"},
    "Email Link Clicked": {**POSITIVE, "counts": "email_clicks"},
    "Email Marked as Spam": NO_EMAIL,
    "Email Unsubscribed": NO_EMAIL,
    "Unsubscribed": NO_EMAIL,
    "Live Chat Conversation Started": {**SUPPORT, "counts": "support_contacts"},
    "Live Chat Message Sent": SUPPORT,
    "Live Chat Message Received": SUPPORT,
    "Live Chat Conversation Ended": SUPPORT,
    "Ticket Opened": {**SUPPORT, **NEGATIVE, "counts": "support_contacts", "ticket": "open"},
    "Ticket Replied": SUPPORT,
    "Ticket Resolved": {**SUPPORT, "ticket": "close"},
    "Ticket Closed": {**SUPPORT, "ticket": "close"},
    "Ticket Reopened": {**SUPPORT, **NEGATIVE, "counts": "support_contacts", "ticket": "open"},
    "Survey Question Answered": {**SUPPORT, "counts": "surveys", "survey": True},
}


def read_meanings(declared: dict[str, dict[str, Any]]) -> dict[str, Meaning]:
    """The defaults, and over them, field by field, what the file declares; null takes a default back."""
    meanings = {}
    for name in {**DEFAULT_MEANINGS, **declared}:
        fields = {**DEFAULT_MEANINGS.get(name, {}), **(declared.get(name) or {})}
        said = {key: value for key, value in fields.items() if key in FIELDS and value is not None}
        meanings[name] = Meaning(**said)
    return meanings
