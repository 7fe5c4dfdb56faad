"""The shop: what it sells, and what there is to read and to watch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

#: Category to the price of its cheapest product, in hundredths of the currency.
_CATEGORIES: Final = {
    "shoes": 3990,
    "kitchen": 1490,
    "books": 890,
    "garden": 1290,
    "toys": 990,
    "beauty": 690,
    "sports": 1990,
    "audio": 4990,
}
_PRODUCTS: Final = 12
CATEGORIES: Final = tuple(_CATEGORIES)
FEATURES: Final = ("size_advisor", "barcode_scanner", "price_alert", "store_finder", "reorder")
ONBOARDING: Final = ("profile", "interests", "address", "notifications")
SUBJECTS: Final = ("delivery_late", "wrong_item", "damaged", "payment", "account")
_ARTICLES: Final = ("guide", "trends", "how-to", "interview", "test")
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Product:
    """Something to buy. hundredths: its price; properties: what events say of it."""

    product_id: str
    category: str
    hundredths: int
    properties: Mapping[str, Any]
    viewed: Mapping[str, Any]  # the call `Product Viewed`


@dataclass(frozen=True, slots=True)
class Story:
    """An article, or a video. length_ms: of reading or watching it to its end."""

    story_id: str
    category: str
    length_ms: int


@dataclass(frozen=True, slots=True)
class Shop:
    """Products and stories by the place of their category in CATEGORIES. Prices are in `currency`."""

    currency: str
    products: Sequence[Sequence[Product]]
    articles: Sequence[Sequence[Story]]
    videos: Sequence[Sequence[Story]]


@lru_cache(maxsize=1)
def open_shop(currency: str) -> Shop:
    """The shop with its prices in this currency."""
    return Shop(
        currency,
        [[_product(name, number, currency) for number in range(_PRODUCTS)] for name in CATEGORIES],
        [[Story(f"{kind}-{name}", name, 3 * _MINUTE_MS) for kind in _ARTICLES] for name in CATEGORIES],
        [[Story(f"video-{name}-{n}", name, n * _MINUTE_MS) for n in range(1, 6)] for name in CATEGORIES],
    )


def track(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """A `track` call."""
    return {"type": "track", "event": name, "properties": properties}


def _product(category: str, number: int, currency: str) -> Product:
    hundredths = _CATEGORIES[category] * (4 + number) // 4
    properties = {
        "product_id": f"{category}-{number + 1:02d}",
        "sku": f"{category[:3].upper()}{number + 1:03d}",
        "category": category,
        "price": hundredths / 100,
        "currency": currency,
    }
    return Product(
        f"{category}-{number + 1:02d}", category, hundredths, properties, track("Product Viewed", properties)
    )
