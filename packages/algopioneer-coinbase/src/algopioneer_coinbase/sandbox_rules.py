"""
What the local exchange has against an order, by the venue's exact codes.

The codes are those of new orders and of previews (protocol: new-order failure reasons, preview).
Where the venue has two answers for the same, the one that is recorded is given; where the reference
names a code and no number for it, the number is a choice of ours and stands in `Limits`.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import field, frozen

from algopioneer_coinbase.numbers import amount
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import NS_PER_SECOND, Quote
from algopioneer_core.domain.money import ZERO, Increment, Price, add, mul, sub
from algopioneer_core.domain.orders import OrderIntent, OrderType
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.order_rules import (
    NO_BUYING_POWER,
    NOT_FREE,
    NOT_SHORTABLE,
    OFF_GRID,
    OFF_TICK,
    TOO_SMALL,
)

__all__ = [
    "Limits",
    "Refusal",
    "Terms",
    "check_intent",
    "check_size",
    "is_in_session",
    "margin_rate",
    "refusal_of",
]

_CODES: Final = {
    OFF_TICK: "INVALID_PRICE_PRECISION",
    OFF_GRID: "INVALID_SIZE_PRECISION",
    NO_BUYING_POWER: "INSUFFICIENT_FUND",
    NOT_FREE: "INSUFFICIENT_FUND",
    NOT_SHORTABLE: "INSUFFICIENT_FUND",
    TOO_SMALL: "INVALID_SIZE_PRECISION",
}
_NO_FUNDS: Final = "Insufficient balance in source account"


class Refusal(Exception):
    """The order is not taken, for the reason that *code* names."""

    def __init__(self, code: str, message: str = "", *, preview: str = "") -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message or code
        self.preview = preview or f"PREVIEW_{code}"


@frozen(kw_only=True)
class Limits:
    """Numbers that the reference does not give for codes that it names."""

    end_ns: int = 365 * 86_400 * NS_PER_SECOND
    """How far ahead an order may end."""
    far: Decimal = Decimal(100)
    """At how many times the market, on the side that costs, a spot limit is too far from it."""
    band: Decimal = Decimal("0.5")
    """By which fraction of the market, on the side that costs, a future's limit may be beyond."""
    small: Decimal = Decimal(2)
    """At less than how many times the least size in quote a preview warns of a small order."""


@frozen(kw_only=True)
class Terms:
    """What an order is judged by."""

    instrument: Instrument
    product: Mapping[str, Any]
    quote: Quote | None
    costs: CostModel
    now_ns: int
    limits: Limits = field(factory=Limits)


def refusal_of(problem: str) -> Refusal:
    """Return the venue's words for what the shared exchange has against an order."""
    code = _CODES.get(problem, "INVALID_REQUEST")
    return Refusal(code, _NO_FUNDS if code == "INSUFFICIENT_FUND" else problem)


def check_size(size: Decimal, name: str, grid: Increment, product: Mapping[str, Any]) -> None:
    """
    Refuse a size off its grid or out of its bounds.

    Args:
        size: As it was sent.
        name: `base` or `quote`: what it is measured in.
        grid: Of what it is a multiple.
        product: Has the bounds.
    """
    if not grid.contains(size):
        preview = "PREVIEW_INVALID_QUOTE_SIZE_PRECISION" if name == "quote" else ""
        raise Refusal("INVALID_SIZE_PRECISION", preview=preview)
    if size < amount(product[f"{name}_min_size"]):
        raise _out_of_bounds(name, "SMALL")
    if size > amount(product[f"{name}_max_size"]):
        raise _out_of_bounds(name, "LARGE")


def _out_of_bounds(name: str, how: str) -> Refusal:
    """The code of a new order says nothing of sizes; that of a preview does."""
    preview = f"PREVIEW_INVALID_{name.upper()}_SIZE_TOO_{how}"
    return Refusal("UNKNOWN_FAILURE_REASON", preview=preview)


def check_intent(intent: OrderIntent, terms: Terms) -> None:
    """Refuse what the product, the market and the time do not allow."""
    _check_state(terms.product, intent)
    _check_end(intent, terms)
    _check_crossing(intent, terms.quote)
    _check_distance(intent, terms)
    _check_notional(intent, terms)


def _check_state(product: Mapping[str, Any], intent: OrderIntent) -> None:
    """Refuse what the product's flags do not allow (protocol: product)."""
    is_market = intent.limit_price is None
    rules: tuple[tuple[bool, bool, str], ...] = (
        (product["status"] == "delisted", True, "UNTRADABLE_PRODUCT"),
        (product["trading_disabled"], True, "TRADING_DISABLED"),
        (product["is_disabled"], True, "UNTRADABLE_PRODUCT"),
        (product["view_only"], True, "UNTRADABLE_PRODUCT"),
        (product["status"] == "offline", True, "PRODUCT_TRADING_HALTED"),
        (not is_in_session(product), True, "INVALID_FCM_TRADING_SESSION"),
        (product["cancel_only"], True, "ORDER_ENTRY_DISABLED"),
        (product["limit_only"], is_market, "ORDER_ENTRY_DISABLED"),
        (product["post_only"], not intent.post_only, "ORDER_ENTRY_DISABLED"),
        (product["auction_mode"], is_market, "PRODUCT_TRADING_HALTED"),
    )
    for is_so, concerns, code in rules:
        if is_so and concerns:
            raise Refusal(code)


def margin_rate(product: Mapping[str, Any], side: Side) -> Decimal:
    """Return which fraction of a position's value must cover it over night; none of spot."""
    details = product.get("future_product_details")
    if not details:
        return ZERO
    name = "long_margin_rate" if side is Side.BUY else "short_margin_rate"
    return amount(details["overnight_margin_rate"][name])


def is_in_session(product: Mapping[str, Any]) -> bool:
    """Return whether a product trades now as far as its hours go; spot has none."""
    session = product["fcm_trading_session_details"]
    return session is None or bool(session["is_session_open"])


def _check_end(intent: OrderIntent, terms: Terms) -> None:
    if intent.expire_ns is None:
        return
    if intent.expire_ns <= terms.now_ns:
        raise Refusal("INVALID_REQUEST", "end_time is over")
    if intent.expire_ns > terms.now_ns + terms.limits.end_ns:
        raise Refusal("END_TIME_TOO_FAR_IN_FUTURE")


def _check_crossing(intent: OrderIntent, quote: Quote | None) -> None:
    if intent.type is OrderType.MARKET and quote is None:
        raise Refusal("INVALID_NO_LIQUIDITY")
    if not intent.post_only or quote is None or intent.limit_price is None:
        return
    if intent.side is Side.BUY:
        crosses = intent.limit_price >= quote.ask
    else:
        crosses = intent.limit_price <= quote.bid
    if crosses:
        raise Refusal("INVALID_LIMIT_PRICE_POST_ONLY")


def _check_distance(intent: OrderIntent, terms: Terms) -> None:
    """Refuse a limit that would pay, or give, much more than the market asks."""
    limit, quote = intent.limit_price, terms.quote
    if limit is None or quote is None:
        return
    buying, limits = intent.side is Side.BUY, terms.limits
    if terms.instrument.delivers_base:
        far = mul(quote.ask, limits.far) < limit if buying else mul(limit, limits.far) < quote.bid
        code = "LIMIT_PRICE_TOO_FAR_FROM_MARKET"
    else:
        edge = _edge(quote.ask if buying else quote.bid, limits.band, add if buying else sub)
        far = limit > edge if buying else limit < edge
        code = f"LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_{intent.side.name}"
    if far:
        raise Refusal(code)


def _edge(price: Price, band: Decimal, direction: Callable[[Decimal, Decimal], Decimal]) -> Price:
    return direction(price, mul(price, band))


def _check_notional(intent: OrderIntent, terms: Terms) -> None:
    """Refuse what is worth less than the least quote size: the rule that binds on large markets."""
    quote, size = terms.quote, intent.quantity
    price = intent.limit_price or (quote.mid if quote else None)
    if size is None or price is None:
        return
    if terms.instrument.value(size, price) < amount(terms.product["quote_min_size"]):
        raise _out_of_bounds("quote", "SMALL")
