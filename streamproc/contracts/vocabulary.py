"""The names that events have unless the rules file says otherwise, and what they mean."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from streamproc.contracts.meanings import EventMeaning

_KNOWN: Final = EventMeaning()


def _web_or_app(**fields: Any) -> EventMeaning:
    """Something that customers do."""
    return EventMeaning(**fields)


def _app(**fields: Any) -> EventMeaning:
    return EventMeaning(channel="app", **fields)


def _sent(**fields: Any) -> EventMeaning:
    """Something that was done to the customer, or that machines do for them: no engagement."""
    return EventMeaning(activity=False, **fields)


def _support(**fields: Any) -> EventMeaning:
    return EventMeaning(channel="support", **fields)


_NO_EMAIL: Final = {"email": False}

#: Names of the Segment spec (e-commerce, B2B SaaS, mobile, video, e-mail, live chat) and of usual help desks.
DEFAULT_MEANINGS: Final[Mapping[str, EventMeaning]] = MappingProxyType(
    {
        # shopping
        "Products Searched": _web_or_app(counts="searches"),
        "Product List Viewed": _KNOWN,
        "Product Clicked": _KNOWN,
        "Product Viewed": _web_or_app(counts="product_views"),
        "Product Added": _web_or_app(cart="add"),
        "Product Removed": _web_or_app(cart="remove"),
        "Product Added to Wishlist": _web_or_app(valence="positive"),
        "Cart Viewed": _KNOWN,
        "Checkout Started": _web_or_app(counts="checkouts"),
        "Checkout Step Viewed": _web_or_app(counts="checkouts"),
        "Checkout Step Completed": _web_or_app(counts="checkouts"),
        "Payment Info Entered": _web_or_app(counts="checkouts"),
        "Coupon Entered": _KNOWN,
        "Coupon Applied": _web_or_app(counts="coupons"),
        "Coupon Denied": _KNOWN,
        "Order Completed": _web_or_app(order=True, valence="positive"),
        "Order Updated": _sent(),
        "Order Cancelled": _web_or_app(valence="negative"),
        "Order Refunded": _sent(counts="refunds", valence="negative"),
        "Product Reviewed": _KNOWN,
        "Product Shared": _web_or_app(counts="shares", valence="positive"),
        "Cart Shared": _web_or_app(counts="shares", valence="positive"),
        # accounts and onboarding
        "Account Created": _KNOWN,
        "Account Deleted": _sent(valence="negative"),
        "Signed Up": _web_or_app(valence="positive"),
        "Signed In": _KNOWN,
        "Signed Out": _KNOWN,
        "Trial Started": _web_or_app(valence="positive"),
        "Trial Ended": _sent(),
        "Onboarding Step Completed": _web_or_app(valence="positive"),
        "Onboarding Completed": _web_or_app(valence="positive"),
        "Feature Used": _web_or_app(counts="feature_uses"),
        "Referral Sent": _web_or_app(counts="referrals", valence="positive"),
        # content
        "Content Viewed": _web_or_app(counts="content_views"),
        "Article Read": _web_or_app(counts="content_views"),
        "Video Playback Started": _web_or_app(counts="content_views"),
        "Video Playback Paused": _KNOWN,
        "Video Playback Resumed": _KNOWN,
        "Video Playback Interrupted": _sent(valence="negative"),
        "Video Playback Completed": _web_or_app(valence="positive"),
        "Video Content Started": _KNOWN,
        "Video Content Completed": _web_or_app(valence="positive"),
        # the app
        "Application Installed": _app(valence="positive"),
        "Application Opened": _app(counts="app_opens"),
        "Application Backgrounded": _app(activity=False),
        "Application Updated": _app(activity=False),
        "Application Crashed": _app(activity=False, counts="crashes", valence="negative"),
        "Application Uninstalled": _app(activity=False, valence="negative"),
        "Push Notification Received": _app(activity=False, counts="pushes"),
        "Push Notification Tapped": _app(counts="push_taps", valence="positive"),
        # e-mail
        "Email Delivered": _sent(counts="emails"),
        "Email Bounced": _sent(),
        "Email Opened": _sent(counts="email_opens"),
        "Email Link Clicked": _web_or_app(counts="email_clicks", valence="positive"),
        "Email Marked as Spam": _sent(valence="negative", consent=_NO_EMAIL),
        "Email Unsubscribed": _sent(valence="negative", consent=_NO_EMAIL),
        "Unsubscribed": _sent(valence="negative", consent=_NO_EMAIL),
        # support
        "Live Chat Conversation Started": _support(counts="support_contacts"),
        "Live Chat Message Sent": _support(),
        "Live Chat Message Received": _support(),
        "Live Chat Conversation Ended": _support(),
        "Ticket Opened": _support(counts="support_contacts", ticket="open", valence="negative"),
        "Ticket Replied": _support(),
        "Ticket Resolved": _support(ticket="close"),
        "Ticket Closed": _support(ticket="close"),
        "Ticket Reopened": _support(counts="support_contacts", ticket="open", valence="negative"),
        "Survey Question Answered": _support(counts="surveys", survey=True),
    }
)
