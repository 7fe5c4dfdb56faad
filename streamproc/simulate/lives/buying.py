"""From the cart to the order, and sometimes back."""

from typing import Any, Final

from streamproc.simulate.lives.life import DAY_MS
from streamproc.simulate.lives.shop import Product
from streamproc.simulate.lives.visits import Visit

_CART_MOST: Final = 5
_REMOVES: Final = 0.1
_COUPONS: Final = ("WELCOME10", "SALE10", "BACK10")
_DENIED: Final = 0.08
#: Of what is in the cart, in percent.
_DISCOUNT: Final = 10
#: Of those who do not buy, so many still go to the checkout, and leave it.
_LEAVES_CHECKOUT: Final = 0.35
#: A message of ours makes the one who follows it so much more likely to buy.
_LURED: Final = 1.6
_ONCE_DAYS: Final = 12
_REFUNDED_DAYS: Final = (3, 12)


def fill_cart(visit: Visit, product: Product) -> None:
    """Put what was looked at last into the cart; sometimes take something else out."""
    cart = visit.life.cart
    if len(cart) < _CART_MOST:
        quantity = 1 if visit.happens(0.8) else visit.chance.whole(2, 3)
        cart.append((product, quantity))
        visit.track("Product Added", {**product.properties, "quantity": quantity})
    if len(cart) > 1 and visit.happens(_REMOVES):
        removed, quantity = cart.pop(0)
        visit.track("Product Removed", {**removed.properties, "quantity": quantity})


def decide(visit: Visit, product: Product) -> None:
    """Decide: leave the cart as it is, leave the checkout, or buy."""
    life, persona = visit.life, visit.persona
    if persona.once and life.orders:
        return
    lured = bool(life.lured_by)
    if visit.happens(persona.carts * (_LURED if lured else 1)):
        fill_cart(visit, product)
    if not life.cart:
        return
    visit.track("Cart Viewed", {"cart_id": f"cart-{life.who.name}"})
    if visit.happens(persona.shares):
        visit.track("Cart Shared", {"cart_id": f"cart-{life.who.name}", "share_via": "link"})
    if visit.happens(persona.orders * (_LURED if lured else 1)):
        order(visit, coupon=visit.happens(max(persona.coupons, 0.4 if lured else 0)))
    elif not persona.anonymous and visit.happens(_LEAVES_CHECKOUT):
        visit.look("Checkout", "/checkout")
        visit.track("Checkout Started", {"value": _sum(visit) / 100, "currency": visit.shop.currency})


def order(visit: Visit, *, coupon: bool) -> None:
    """Buy what is in the cart."""
    life, money = visit.life, {"currency": visit.shop.currency}
    life.orders += 1
    about = {"order_id": f"o-{life.who.name}-{life.orders}"}
    hundredths = _sum(visit)
    visit.look("Checkout", "/checkout")
    visit.track("Checkout Started", {**about, "value": hundredths / 100, **money})
    visit.track("Checkout Step Completed", {**about, "step": 1})
    if coupon:
        hundredths -= _redeem(visit, about, hundredths)
    visit.track("Payment Info Entered", {**about, "payment_method": "card"})
    products = [{**product.properties, "quantity": quantity} for product, quantity in life.cart]
    ordered: dict[str, Any] = {**about, "revenue": hundredths / 100, **money, "products": products}
    visit.track("Order Completed", {**ordered, "category": products[0]["category"]})
    visit.look("Order Confirmation", "/checkout/done")
    if visit.happens(visit.persona.refunds):
        refund = {**about, "total": hundredths / 100, **money}
        visit.later(visit.chance.whole(*_REFUNDED_DAYS) * DAY_MS, "Order Refunded", refund, visit.channel)
    life.cart = []
    if visit.persona.once:
        life.ends_ms = min(life.ends_ms, visit.now_ms + visit.chance.whole(0, _ONCE_DAYS) * DAY_MS)


def _redeem(visit: Visit, about: dict[str, Any], hundredths: int) -> int:
    """The discount, in hundredths."""
    properties = {**about, "coupon": visit.chance.one(_COUPONS)}
    visit.track("Coupon Entered", properties)
    if visit.happens(_DENIED):
        visit.track("Coupon Denied", {**properties, "reason": "expired"})
        return 0
    discount = hundredths * _DISCOUNT // 100
    visit.track("Coupon Applied", {**properties, "discount": discount / 100})
    return discount


def _sum(visit: Visit) -> int:
    """What the cart costs, in hundredths."""
    return sum(product.hundredths * quantity for product, quantity in visit.life.cart)
