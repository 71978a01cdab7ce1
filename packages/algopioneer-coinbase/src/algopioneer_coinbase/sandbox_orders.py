"""How the local exchange reads an order out of a request, and repeats or estimates it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from algopioneer_coinbase.numbers import amount, time_ns
from algopioneer_coinbase.sandbox_rules import (
    Refusal,
    Terms,
    check_intent,
    check_size,
    margin_rate,
)
from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.fills import Liquidity, Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import ONE, Price, Quantity, add, mul, plain, sub
from algopioneer_core.domain.orders import OrderIntent, OrderType, TimeInForce

__all__ = ["closing_order", "echo_of", "estimate", "read_order", "warning_of"]

Json = dict[str, Any]
_KINDS: Final = {
    "market_market_ioc": (OrderType.MARKET, TimeInForce.IOC),
    "market_market_fok": (OrderType.MARKET, TimeInForce.FOK),
    "limit_limit_gtc": (OrderType.LIMIT, TimeInForce.GTC),
    "limit_limit_gtd": (OrderType.LIMIT, TimeInForce.GTD),
    "limit_limit_fok": (OrderType.LIMIT, TimeInForce.FOK),
    "sor_limit_ioc": (OrderType.LIMIT, TimeInForce.IOC),
    "stop_limit_stop_limit_gtc": (OrderType.STOP_LIMIT, TimeInForce.GTC),
    "stop_limit_stop_limit_gtd": (OrderType.STOP_LIMIT, TimeInForce.GTD),
}
_BY_QUOTE: Final = ("market_market_ioc", "limit_limit_gtc")
"""What may be sized in quote, to buy."""
_POST_ONLY: Final = ("limit_limit_gtc", "limit_limit_gtd")
_DIRECTIONS: Final = {Side.BUY: "STOP_DIRECTION_STOP_UP", Side.SELL: "STOP_DIRECTION_STOP_DOWN"}
_MARGIN_TYPES: Final = ("", "CROSS", "ISOLATED")


def read_order(body: Mapping[str, Any], terms: Terms) -> OrderIntent:
    """
    Return what a request wants.

    Raises:
        Refusal: The venue would not take it.
    """
    kind, form = _configuration(body, terms.instrument)
    side = _side(body)
    _check_margin(body)
    order_type, in_force = _KINDS[kind]
    prices = _prices(order_type, side, form, terms.instrument)
    quantity, quote_amount = _sizes(kind, side, form, terms)
    intent = OrderIntent(
        instrument_id=terms.instrument.id,
        side=side,
        type=order_type,
        quantity=quantity,
        quote_amount=quote_amount,
        limit_price=prices.get("limit_price"),
        stop_price=prices.get("stop_price"),
        time_in_force=in_force,
        expire_ns=_end(form) if in_force is TimeInForce.GTD else None,
        post_only=_post_only(kind, form),
    )
    check_intent(intent, terms)
    return intent


def _configuration(
    body: Mapping[str, Any], instrument: Instrument
) -> tuple[str, Mapping[str, Any]]:
    configuration = body.get("order_configuration")
    if not isinstance(configuration, Mapping) or len(configuration) != 1:
        raise _bad_configuration()
    ((kind, form),) = configuration.items()
    # Fill-or-kill at the market is for derivatives; spot refuses it as any kind it does not know.
    is_known = kind in _KINDS and (kind != "market_market_fok" or not instrument.delivers_base)
    if not is_known or not isinstance(form, Mapping):
        raise _bad_configuration()
    if body.get("attached_order_configuration"):
        raise _bad_configuration("nothing is attached to orders here")
    return kind, form


def _bad_configuration(message: str = "") -> Refusal:
    code, preview = "UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG"
    return Refusal(code, message, preview=preview)


def _side(body: Mapping[str, Any]) -> Side:
    if body.get("side") not in ("BUY", "SELL"):
        raise Refusal("INVALID_SIDE")
    return Side[body["side"]]


def _check_margin(body: Mapping[str, Any]) -> None:
    """Refuse margin terms that are none; what is traded here knows no others than the account's."""
    if body.get("margin_type", "") not in _MARGIN_TYPES:
        raise Refusal("INVALID_MARGIN_TYPE")
    try:
        leverage = amount(str(body.get("leverage") or "1"))
    except DataError:
        raise Refusal("INVALID_LEVERAGE") from None
    if leverage < 1:
        raise Refusal("INVALID_LEVERAGE")


def _number(form: Mapping[str, Any], name: str) -> Decimal | None:
    """Return a number, which must be text: JSON numbers are not taken."""
    text = form.get(name)
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise Refusal("INVALID_REQUEST", f"{name} must be a string")
    try:
        number = amount(text)
    except DataError:
        raise Refusal("INVALID_REQUEST", preview="PREVIEW_NON_NUMERIC_ORDER_SIZE") from None
    if number <= 0:
        raise Refusal("INVALID_REQUEST", f"{name} must be positive")
    return number


def _post_only(kind: str, form: Mapping[str, Any]) -> bool:
    post_only = form.get("post_only", False)
    if post_only and kind not in _POST_ONLY:
        code = "POST_ONLY_NOT_ALLOWED_WITH_FOK" if kind.endswith("fok") else "INVALID_REQUEST"
        raise Refusal(code)
    return bool(post_only)


def _end(form: Mapping[str, Any]) -> int:
    try:
        end_ns = time_ns(str(form.get("end_time") or ""))
    except DataError:
        end_ns = 0
    if not end_ns:
        raise Refusal("GTD_ORDERS_MUST_HAVE_END_TIME")
    return end_ns


def _prices(
    order_type: OrderType, side: Side, form: Mapping[str, Any], instrument: Instrument
) -> dict[str, Price]:
    wanted = {
        OrderType.LIMIT: ("limit_price",),
        OrderType.STOP_LIMIT: ("limit_price", "stop_price"),
    }.get(order_type, ())
    prices: dict[str, Price] = {}
    for name in wanted:
        price = _number(form, name)
        if price is None:
            raise Refusal("INVALID_LIMIT_PRICE")
        if instrument.price_increment and not instrument.price_increment.contains(price):
            raise Refusal("INVALID_PRICE_PRECISION")
        prices[name] = price
    if "stop_price" in wanted and form.get("stop_direction") != _DIRECTIONS[side]:
        raise Refusal("INVALID_REQUEST", "stop_direction")
    return prices


def _sizes(
    kind: str, side: Side, form: Mapping[str, Any], terms: Terms
) -> tuple[Decimal | None, Decimal | None]:
    """Return the quantity and the amount, one of them None."""
    base, quote = _number(form, "base_size"), _number(form, "quote_size")
    by_quote = kind in _BY_QUOTE and side is Side.BUY
    if (base is None) == (quote is None) or (quote is not None and not by_quote):
        raise _bad_configuration("one size is needed")
    if base is not None:
        check_size(base, "base", terms.instrument.quantity_increment, terms.product)
        return base, None
    grid = terms.instrument.quote_increment
    if quote is None or grid is None:  # contracts are counted and not measured in money
        raise _bad_configuration("the size is not in quote")
    check_size(quote, "quote", grid, terms.product)
    # The size is without the fee (`size_inclusive_of_fees` is false); ours is with it.
    return None, mul(quote, add(ONE, terms.costs.taker))


def echo_of(body: Mapping[str, Any]) -> Any:
    """Return the configuration as the venue repeats it: with a flag that nobody sends."""
    configuration = body.get("order_configuration")
    if not isinstance(configuration, Mapping):
        return configuration
    return {kind: _echoed(kind, form) for kind, form in configuration.items()}


def _echoed(kind: str, form: Any) -> Any:
    flagged = kind == "limit_limit_gtc" and isinstance(form, Mapping)
    return {**form, "rfq_disabled": False} if flagged else form


def closing_order(body: Mapping[str, Any], instrument: Instrument, held: Quantity) -> Json:
    """
    Return the request of the order that a request to close a position comes to.

    Args:
        body: The request: with a size, or for the whole position.
        instrument: What it is about.
        held: How much of that there is, signed.

    Raises:
        Refusal: There is no position, a smaller one, or nothing that has positions.
    """
    if instrument.delivers_base:
        raise Refusal("INVALID_PRODUCT_ID", "only positions in futures are closed")
    size = _number(body, "size") or held.copy_abs()
    if not held or size > held.copy_abs():
        raise Refusal("INVALID_REQUEST", f"the position is {plain(held)} contracts")
    return {
        "product_id": body["product_id"],
        "side": "SELL" if held > 0 else "BUY",
        "order_configuration": {"market_market_ioc": {"base_size": plain(size)}},
    }


def warning_of(intent: OrderIntent, terms: Terms) -> str:
    """
    Return what a preview warns of.

    The reference names the warnings and not their occasions: here an order is big that takes more
    than the best of the book shows, and small where it is near the least that is taken.
    """
    price, size = _price_of(intent, terms), _size_of(intent, terms)
    least = mul(amount(terms.product["quote_min_size"]), terms.limits.small)
    shown = _shown_to(intent, terms)
    if shown is not None and size > shown:
        return "BIG_ORDER"
    return "SMALL_ORDER" if terms.instrument.value(size, price) < least else "UNKNOWN"


def _shown_to(intent: OrderIntent, terms: Terms) -> Quantity | None:
    """Return what the best of the book has for an order that takes from it; None for another."""
    quote, limit, buying = terms.quote, intent.limit_price, intent.side is Side.BUY
    if quote is None or intent.stop_price is not None:
        return None
    touch, size = (quote.ask, quote.ask_size) if buying else (quote.bid, quote.bid_size)
    takes = limit is None or (touch <= limit if buying else touch >= limit)
    return size if takes else None


def estimate(intent: OrderIntent, terms: Terms) -> dict[str, Decimal]:
    """Return what a preview says an order comes to, at its limit or the best of the book."""
    price, size = _price_of(intent, terms), _size_of(intent, terms)
    value = terms.instrument.value(size, price)
    fee, _ = terms.costs.fee(size, price, Liquidity.TAKER)
    return {
        "order_total": add(value, fee) if intent.side is Side.BUY else sub(value, fee),
        "commission_total": fee,
        "quote_size": value,
        "base_size": size,
        "order_margin_total": mul(value, margin_rate(terms.product, intent.side)),
    }


def _price_of(intent: OrderIntent, terms: Terms) -> Price:
    if intent.limit_price is not None:
        return intent.limit_price
    assert terms.quote is not None  # without a quote, only orders with a limit come so far
    return terms.quote.ask if intent.side is Side.BUY else terms.quote.bid


def _size_of(intent: OrderIntent, terms: Terms) -> Quantity:
    if intent.quantity is not None:
        return intent.quantity
    assert intent.quote_amount is not None
    return terms.costs.affordable(intent.quote_amount, _price_of(intent, terms))
