"""How the local exchange reads an order out of a request, and repeats or estimates it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from algopioneer_coinbase.numbers import amount, time_ns
from algopioneer_coinbase.sandbox_rules import Refusal, Terms, check_intent, check_size
from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.fills import Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentKind
from algopioneer_core.domain.money import ONE, Price, add, mul, sub
from algopioneer_core.domain.orders import OrderIntent, OrderType, TimeInForce

__all__ = ["echo_of", "estimate", "read_order"]

_KINDS: Final = {
    "market_market_ioc": (OrderType.MARKET, TimeInForce.IOC),
    "limit_limit_gtc": (OrderType.LIMIT, TimeInForce.GTC),
    "limit_limit_gtd": (OrderType.LIMIT, TimeInForce.GTD),
    "limit_limit_fok": (OrderType.LIMIT, TimeInForce.FOK),
    "sor_limit_ioc": (OrderType.LIMIT, TimeInForce.IOC),
    "stop_limit_stop_limit_gtc": (OrderType.STOP_LIMIT, TimeInForce.GTC),
    "stop_limit_stop_limit_gtd": (OrderType.STOP_LIMIT, TimeInForce.GTD),
}
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
    if kind == "market_market_fok" and instrument.kind is InstrumentKind.FUTURE:
        kind = "market_market_ioc"
    if kind not in _KINDS or not isinstance(form, Mapping):
        raise _bad_configuration()
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
    by_quote = kind == "market_market_ioc" and side is Side.BUY
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


def estimate(intent: OrderIntent, terms: Terms) -> dict[str, Decimal]:
    """Return what a preview says an order comes to, at its limit or the best of the book."""
    quote, costs, buying = terms.quote, terms.costs, intent.side is Side.BUY
    price = intent.limit_price
    if price is None and quote is not None:
        price = quote.ask if buying else quote.bid
    assert price is not None  # without a quote, only orders with a limit come so far
    size = intent.quantity
    if size is None:
        assert intent.quote_amount is not None
        size = costs.affordable(intent.quote_amount, price)
    value = terms.instrument.value(size, price)
    fee, _ = costs.fee(size, price, Liquidity.TAKER)
    return {
        "order_total": add(value, fee) if buying else sub(value, fee),
        "commission_total": fee,
        "quote_size": value,
        "base_size": size,
    }
