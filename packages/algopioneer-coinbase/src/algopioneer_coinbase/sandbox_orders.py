"""
How the local exchange reads an order, and the code of each thing that may be wrong with it.

The codes are the venue's (protocol: new-order failure reasons, preview). Where the venue has two
answers for the same, the one that is recorded is given.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from algopioneer_coinbase.numbers import amount, time_ns
from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentKind
from algopioneer_core.domain.market_data import Quote
from algopioneer_core.domain.money import ONE, Increment, Price, add, mul
from algopioneer_core.domain.orders import OrderIntent, OrderType, TimeInForce
from algopioneer_core.simulation.order_rules import (
    NO_BUYING_POWER,
    NOT_SHORTABLE,
    OFF_GRID,
    OFF_TICK,
    TOO_SMALL,
)

__all__ = ["Refusal", "Terms", "code_of", "read_order"]

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
_CODES: Final = {
    OFF_TICK: "INVALID_PRICE_PRECISION",
    OFF_GRID: "INVALID_SIZE_PRECISION",
    NO_BUYING_POWER: "INSUFFICIENT_FUND",
    NOT_SHORTABLE: "INSUFFICIENT_FUND",
    TOO_SMALL: "INVALID_SIZE_PRECISION",
}


class Refusal(Exception):
    """The order is not taken, for the reason that *code* names."""

    def __init__(self, code: str, message: str = "", *, preview: str = "") -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message or code
        self.preview = preview or f"PREVIEW_{code}"


@frozen
class Terms:
    """What an order is judged by."""

    instrument: Instrument
    product: Mapping[str, Any]
    quote: Quote | None
    taker: Decimal


def code_of(problem: str) -> str:
    """Return the venue's code for what the shared exchange has against an order."""
    return _CODES.get(problem, "INVALID_REQUEST")


def read_order(body: Mapping[str, Any], terms: Terms) -> OrderIntent:
    """
    Return what a request wants.

    Raises:
        Refusal: The venue would not take it.
    """
    kind, form = _configuration(body, terms.instrument)
    side = _side(body)
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
    _check_state(terms.product, intent)
    _check_crossing(intent, terms.quote)
    return intent


def _configuration(
    body: Mapping[str, Any], instrument: Instrument
) -> tuple[str, Mapping[str, Any]]:
    configuration = body.get("order_configuration")
    if not isinstance(configuration, Mapping) or len(configuration) != 1:
        raise Refusal("UNSUPPORTED_ORDER_CONFIGURATION")
    ((kind, form),) = configuration.items()
    future_only = kind == "market_market_fok" and instrument.kind is InstrumentKind.FUTURE
    if future_only:
        kind = "market_market_ioc"
    if kind not in _KINDS or not isinstance(form, Mapping):
        raise Refusal("UNSUPPORTED_ORDER_CONFIGURATION")
    return kind, form


def _side(body: Mapping[str, Any]) -> Side:
    if body.get("side") not in ("BUY", "SELL"):
        raise Refusal("INVALID_SIDE")
    return Side[body["side"]]


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
        raise Refusal("UNSUPPORTED_ORDER_CONFIGURATION", "one size is needed")
    if base is not None:
        _check_size(base, "base", terms.instrument.quantity_increment, terms.product)
        return base, None
    assert quote is not None
    assert terms.instrument.quote_increment is not None
    _check_size(quote, "quote", terms.instrument.quote_increment, terms.product)
    # The size is without the fee (`size_inclusive_of_fees` is false); ours is with it.
    return None, mul(quote, add(ONE, terms.taker))


def _check_size(size: Decimal, name: str, grid: Increment, product: Mapping[str, Any]) -> None:
    if not grid.contains(size):
        raise Refusal("INVALID_SIZE_PRECISION")
    if size < amount(product[f"{name}_min_size"]):
        raise Refusal(
            "UNKNOWN_FAILURE_REASON", preview=f"PREVIEW_INVALID_{name.upper()}_SIZE_TOO_SMALL"
        )
    if size > amount(product[f"{name}_max_size"]):
        raise Refusal(
            "UNKNOWN_FAILURE_REASON", preview=f"PREVIEW_INVALID_{name.upper()}_SIZE_TOO_LARGE"
        )


def _check_state(product: Mapping[str, Any], intent: OrderIntent) -> None:
    """Refuse what the product's flags do not allow (protocol: product)."""
    rules: tuple[tuple[str, Callable[[], bool], str], ...] = (
        ("trading_disabled", lambda: True, "TRADING_DISABLED"),
        ("is_disabled", lambda: True, "UNTRADABLE_PRODUCT"),
        ("view_only", lambda: True, "UNTRADABLE_PRODUCT"),
        ("cancel_only", lambda: True, "ORDER_ENTRY_DISABLED"),
        ("limit_only", lambda: intent.limit_price is None, "ORDER_ENTRY_DISABLED"),
        ("post_only", lambda: not intent.post_only, "ORDER_ENTRY_DISABLED"),
    )
    for flag, concerns, code in rules:
        if product[flag] and concerns():
            raise Refusal(code)


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
