"""What customers do when they come: pages and screens, one after the other, with their events."""

from collections.abc import Mapping
from typing import Any, Final

from streamproc.simulate.lives.chance import Chance
from streamproc.simulate.lives.life import APP, SUPPORT, WEB, Diary, Life
from streamproc.simulate.lives.shop import CATEGORIES, FEATURES, ONBOARDING, Product, Shop, track

_LURES: Final = {"email": "Email Link Clicked", "push": "Push Notification Tapped"}
#: Most looks are at the favourite category.
_FAVOURED: Final = 0.7
_CRASHES: Final = 0.01
_WATCHED_TO_THE_END: Final = 0.6
#: Seconds until the next event, on average.
_SOON_S: Final = 8
_READING_S: Final = 30


class Visit:
    """A visit under way: where the customer is, and the instant (epoch ms)."""

    __slots__ = ("app", "chance", "channel", "diary", "life", "now_ms", "persona", "shop")

    def __init__(self, life: Life, chance: Chance, shop: Shop, diary: Diary) -> None:
        self.life, self.chance, self.shop, self.diary = life, chance, shop, diary
        self.persona, self.now_ms = life.persona, life.next_ms
        self.app = life.lured_by == "push" or (not life.lured_by and chance.draw() < life.persona.app)
        self.channel = APP if self.app else WEB

    def track(self, name: str, properties: Mapping[str, Any], then_s: int = _SOON_S) -> None:
        """A `track` call, and the time until the next event."""
        self.call(track(name, properties), then_s)

    def look(self, name: str, path: str, then_s: int = _SOON_S) -> None:
        """A page; in the app, a screen."""
        kind = "screen" if self.app else "page"
        self.call({"type": kind, "name": name, "properties": {"path": path}}, then_s)

    def call(self, call: Mapping[str, Any], then_s: int = _SOON_S) -> None:
        """Any call, and the time until the next event."""
        self.diary.tell(self.life, self.now_ms, self.channel, call)
        self.now_ms += 300 + int(then_s * 2000 * self.chance.draw())

    def later(self, after_ms: int, name: str, properties: Mapping[str, Any], channel: int = SUPPORT) -> None:
        """An event that follows so much later."""
        self.diary.tell(self.life, self.now_ms + after_ms, channel, track(name, properties))

    def happens(self, share: float) -> bool:
        """Whether something of this chance comes true."""
        return self.chance.draw() < share


def begin(visit: Visit) -> None:
    """Arrive: by a message or on one's own; the first time, say who one is."""
    life = visit.life
    if life.lured_by:
        visit.track(_LURES[life.lured_by], {"campaign_id": f"{life.lured_by}-{life.turns}"})
    if visit.app:
        if not life.has_app:
            life.has_app = True
            visit.track("Application Installed", {"version": "5.2.0"})
        visit.track("Application Opened", {"version": "5.2.0", "from_background": False})
    visit.look("Home", "/")
    if not (life.introduced or visit.persona.anonymous):
        visit.track("Signed In" if life.known else "Signed Up", {"method": "email"})
        _introduce(visit)
    life.introduced = True


def end(visit: Visit) -> None:
    """Leave; the app says so, and sometimes crashes."""
    if visit.app:
        visit.track("Application Crashed" if visit.happens(_CRASHES) else "Application Backgrounded", {})


def withdraw(life: Life, diary: Diary, at_ms: int, channel: str) -> None:
    """Take back the consent to "email" or "push"."""
    if channel == "email":
        life.email = False
        diary.tell(life, at_ms, WEB, track("Email Unsubscribed", {"list_id": "newsletter"}))
    else:
        life.push = False
        diary.tell(life, at_ms, APP, {"type": "identify", "traits": {"consent": {"push": False}}})


def _introduce(visit: Visit) -> None:
    life = visit.life
    consent = {"email": life.email, "push": life.push}
    traits = {"consent": consent, "persona": visit.persona.name}
    visit.call({"type": "identify", "traits": traits})


def onboard(visit: Visit) -> None:
    """Go on with setting up the account; who gives up does so between two steps."""
    life = visit.life
    while life.steps < len(ONBOARDING) and (life.steps == 0 or visit.happens(visit.persona.onboards)):
        step = ONBOARDING[life.steps]
        life.steps += 1
        visit.look("Onboarding", f"/welcome/{step}")
        visit.track("Onboarding Step Completed", {"step": life.steps, "step_name": step})
        if life.steps == len(ONBOARDING):
            visit.track("Onboarding Completed", {})


def browse(visit: Visit) -> Product:
    """Look round; what was looked at last is what may be bought."""
    persona, category = visit.persona, _category(visit)
    name = CATEGORIES[category]
    if visit.happens(persona.searches):
        visit.track("Products Searched", {"query": name, "category": name})
    else:
        visit.look("Category", f"/c/{name}")
    visit.track("Product List Viewed", {"list_id": f"list-{name}", "category": name})
    products = visit.shop.products[category]
    product = visit.chance.one(products)
    for _ in range(visit.chance.whole(1, persona.looks)):
        product = visit.chance.one(products)
        visit.call(product.viewed, _READING_S)
    if visit.happens(persona.wishes):
        visit.track("Product Added to Wishlist", product.properties)
    if visit.happens(persona.shares):
        visit.track("Product Shared", {**product.properties, "share_via": "link"})
    return product


def pastime(visit: Visit) -> None:
    """Read, watch, use a feature, review, bring a friend: what is not buying."""
    persona, chance = visit.persona, visit.chance
    if visit.happens(persona.uses):
        visit.track("Feature Used", {"feature": chance.one(FEATURES)})
    while visit.happens(persona.reads * 0.7):
        _read(visit)
    if visit.happens(persona.watches):
        _watch(visit)
    if visit.life.orders and visit.happens(persona.reviews):
        product = chance.one(visit.shop.products[visit.life.category])
        rating = chance.whole(*persona.csat)
        visit.track("Product Reviewed", {**product.properties, "rating": rating}, _READING_S)
    if visit.happens(persona.refers):
        visit.track("Referral Sent", {"share_via": chance.one(("email", "link", "message"))})


def _category(visit: Visit) -> int:
    life, chance = visit.life, visit.chance
    return life.category if chance.draw() < _FAVOURED else chance.whole(0, len(CATEGORIES) - 1)


def _read(visit: Visit) -> None:
    article = visit.chance.one(visit.shop.articles[_category(visit)])
    spent_ms = int(article.length_ms * visit.chance.between(0.2, 1.3))
    visit.look("Article", f"/magazine/{article.story_id}")
    visit.now_ms += spent_ms
    properties = {"article_id": article.story_id, "category": article.category, "duration_ms": spent_ms}
    visit.track("Article Read", properties)


def _watch(visit: Visit) -> None:
    video = visit.chance.one(visit.shop.videos[_category(visit)])
    about = {"content_asset_id": video.story_id, "category": video.category}
    visit.look("Player", f"/videos/{video.story_id}")
    visit.track("Video Playback Started", about, 1)
    if visit.happens(_WATCHED_TO_THE_END):
        visit.now_ms += video.length_ms
        visit.track("Video Playback Completed", {**about, "duration_ms": video.length_ms})
    else:
        seen_ms = int(video.length_ms * visit.chance.between(0.05, 0.9))
        visit.now_ms += seen_ms
        visit.track("Video Playback Paused", {**about, "duration_ms": seen_ms})
