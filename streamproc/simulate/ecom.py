"""The clickstream of a web shop: 31,106 events of 600 customers over six months, with documented incidents.

Source: `datasets/ecom.csv.gz` of retentioneering 5.2.4, Apache-2.0, see data/NOTICE. It is synthetic; its own
description tells of a checkout bug for mobile customers (9 April to 9 May 2024) and of a payment incident
(19 May to 7 June 2024) with more chats to support.
"""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final

from streamproc.simulate.history import CONSENT_NOTE, History, HistoryEvent, event, with_consent

_NAME: Final = "ecom"
#: Device to topic. The source does not tell web from app.
_TOPICS: Final = {"desktop": "events.web", "mobile": "events.app", "tablet": "events.app"}

#: Event to its name in the Segment spec for e-commerce. `Payment Failed` and `Products Compared` are ours.
_TRACKS: Final = {
    "catalog": "Product List Viewed",
    "search": "Products Searched",
    "filter_results": "Product List Filtered",
    "product_view": "Product Viewed",
    "compare": "Products Compared",
    "wishlist_add": "Product Added to Wishlist",
    "promo_page": "Promotion Viewed",
    "add_to_cart": "Product Added",
    "cart": "Cart Viewed",
    "shipping_details": "Checkout Started",
    "payment_details": "Checkout Step Viewed",
    "payment_error": "Payment Failed",
    "purchase": "Order Completed",
    "support_chat": "Live Chat Conversation Started",
}
#: Event to the name of a page (of a screen in the app).
_PAGES: Final = {
    "home": "Home",
    "account_page": "Account",
    "review_page": "Reviews",
    "error_page": "Error",
    "checkout_bug": "Checkout Error",
}
_SUPPORT: Final = "support_chat"


def load_ecom() -> History:
    """The packaged clickstream."""
    return History(
        name=_NAME,
        about="Synthetic web shop clickstream, published with retentioneering 5.2.4 (Apache-2.0).",
        notes=(
            "Desktop goes to events.web, mobile and tablet to events.app, chats to events.support.",
            "Times are read as UTC. Orders have no money, because the data has none.",
            CONSENT_NOTE,
        ),
        events=with_consent(_events(), _NAME),
    )


def _events() -> Iterator[HistoryEvent]:
    data = (files("streamproc.simulate") / "data" / "ecom.csv.gz").read_bytes()
    rows = csv.DictReader(gzip.decompress(data).decode().splitlines())
    for number, row in enumerate(rows, 1):
        instant = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
        topic = "events.support" if row["event"] == _SUPPORT else _TOPICS[row["platform"]]
        yield event(
            topic, row["user_id"], int(instant.timestamp()) * 1000, f"{_NAME}-{number:06d}", _call(topic, row)
        )


def _call(topic: str, row: dict[str, str]) -> dict[str, Any]:
    name = row["event"]
    context = {"device": {"type": row["platform"]}, "campaign": {"source": row["acquisition_channel"]}}
    if name in _PAGES:
        kind = "screen" if topic == "events.app" else "page"
        return {"type": kind, "name": _PAGES[name], "context": context}
    properties = {"source_event": name, "session_id": row["session_id"]}
    return {"type": "track", "event": _TRACKS[name], "properties": properties, "context": context}
