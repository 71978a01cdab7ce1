"""
Orders as Coinbase writes them: an intent as a request, an order that is shown as an `Order`.

Which of the venue's configurations stands for which terms is one table (protocol: POST /orders).
"""

from decimal import Decimal
from typing import Any, Final

from attrs import evolve

from algopioneer_coinbase.messages import FillRow, OrderForm, OrderRow, decode
from algopioneer_coinbase.numbers import amount, optional_amount, positive, time_ns
from algopioneer_coinbase.symbols import Listing, Symbols
from algopioneer_core.domain.errors import DataError, OrderError, UnsupportedOperation
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import (
    ONE,
    ZERO,
    Increment,
    add,
    divide_half_even,
    plain,
)
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus, OrderType, TimeInForce
from algopioneer_core.domain.times import iso_utc

__all__ = ["ENDED", "OPEN_STATUSES", "fill_of", "order_of", "order_request"]

Terms = tuple[OrderType, TimeInForce]
_KINDS: Final[dict[Terms, str]] = {
    (OrderType.MARKET, TimeInForce.GTC): "market_market_ioc",
    (OrderType.MARKET, TimeInForce.IOC): "market_market_ioc",
    (OrderType.LIMIT, TimeInForce.GTC): "limit_limit_gtc",
    (OrderType.LIMIT, TimeInForce.GTD): "limit_limit_gtd",
    (OrderType.LIMIT, TimeInForce.FOK): "limit_limit_fok",
    (OrderType.LIMIT, TimeInForce.IOC): "sor_limit_ioc",  # the only limit order of that kind
    (OrderType.STOP_LIMIT, TimeInForce.GTC): "stop_limit_stop_limit_gtc",
    (OrderType.STOP_LIMIT, TimeInForce.GTD): "stop_limit_stop_limit_gtd",
}
_TERMS: Final[dict[str, Terms]] = {
    kind: terms for terms, kind in reversed(_KINDS.items()) if terms[1] is not TimeInForce.IOC
} | {"sor_limit_ioc": (OrderType.LIMIT, TimeInForce.IOC)}
_DIRECTIONS: Final = {Side.BUY: "STOP_DIRECTION_STOP_UP", Side.SELL: "STOP_DIRECTION_STOP_DOWN"}
_QUOTE_PLACES: Final = 18

OPEN_STATUSES: Final = (
    ("PENDING", "QUEUED"),
    ("OPEN",),
    ("CANCEL_QUEUED", "EDIT_QUEUED"),
)
"""
Statuses of orders that may still trade, as they are asked for: in the order in which an order goes
through them, so that one that moves on meanwhile is seen twice and not missed. `OPEN` hides the
others and cannot be asked for together with them (protocol: state machine).
"""
ENDED: Final = {
    "FILLED": OrderStatus.FILLED,
    "CANCELLED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
    "FAILED": OrderStatus.REJECTED,
}
"""Statuses of orders that have ended, and ours; a status that is not known is not one of them."""
_WORKING: Final = {
    "PENDING": OrderStatus.PENDING,
    "QUEUED": OrderStatus.PENDING,
    "OPEN": OrderStatus.OPEN,
    "EDIT_QUEUED": OrderStatus.OPEN,
    "CANCEL_QUEUED": OrderStatus.PENDING_CANCEL,
}


# --- to the venue ----------------------------------------------------------------------------


def order_request(order: Order, listing: Listing, taker: Decimal) -> dict[str, Any]:
    """
    Return the body that places *order*.

    Args:
        order: What to place.
        listing: Of its instrument.
        taker: The account's fee, as a fraction: a quote-sized order is sent without it, because
            the venue's size does not include it. Where it did, less would be bought, never more.

    Raises:
        UnsupportedOperation: The venue has no such order.
    """
    intent = order.intent
    kind = _KINDS.get((intent.type, intent.time_in_force))
    if kind is None:
        raise UnsupportedOperation(
            f"a {intent.type.value} order cannot be {intent.time_in_force.value}",
            where=order.client_order_id,
            remedy="choose another time in force",
        )
    return {
        "client_order_id": order.client_order_id,
        "product_id": intent.instrument_id.symbol,
        "side": intent.side.name,
        "order_configuration": {kind: _form(intent, listing, taker)},
    }


def _form(intent: OrderIntent, listing: Listing, taker: Decimal) -> dict[str, Any]:
    form: dict[str, Any] = {}
    if intent.quantity is not None:
        form["base_size"] = plain(intent.quantity)
    else:
        assert intent.quote_amount is not None
        grid = listing.instrument.quote_increment or Increment(Decimal("0.01"))
        without_fee = divide_half_even(intent.quote_amount, add(ONE, taker), places=_QUOTE_PLACES)
        form["quote_size"] = plain(grid.floor(without_fee))
    if intent.limit_price is not None:
        form["limit_price"] = plain(intent.limit_price)
    if intent.stop_price is not None:
        form["stop_price"] = plain(intent.stop_price)
        form["stop_direction"] = _DIRECTIONS[intent.side]
    if intent.expire_ns is not None:
        form["end_time"] = iso_utc(intent.expire_ns)
    if intent.type is OrderType.LIMIT and intent.time_in_force in (
        TimeInForce.GTC,
        TimeInForce.GTD,
    ):
        form["post_only"] = intent.post_only
    return form


# --- from the venue --------------------------------------------------------------------------


def order_of(
    row: OrderRow, symbols: Symbols, *, instrument_id: InstrumentId | None = None
) -> Order | None:
    """
    Return an order that the venue shows; None for one whose terms cannot be told.

    Args:
        row: As it is shown.
        symbols: What can be traded.
        instrument_id: What it was sent for, where that is known: the product that the venue echoes
            may be another one (protocol: symbols and USDC).

    Raises:
        DataError: A number or time of it cannot be read.
    """
    intent = _intent_of(row, instrument_id or symbols.id_of(row.product_id))
    if intent is None:
        return None
    filled = optional_amount(row.filled_size) or ZERO
    order = Order(
        row.client_order_id,
        intent,
        time_ns(row.created_time),
        _status(row.status, filled),
        row.order_id,
        filled,
        optional_amount(row.filled_value) or ZERO,
    )
    message = row.reject_message or row.cancel_message
    return evolve(order, message=message) if message else order


def _status(word: str, filled: Decimal) -> OrderStatus:
    status = ENDED.get(word) or _WORKING.get(word, OrderStatus.UNKNOWN)
    if filled and status is OrderStatus.OPEN:
        return OrderStatus.PARTIALLY_FILLED
    if filled and status is OrderStatus.REJECTED:
        return OrderStatus.CANCELED  # what had traded was no reject
    return status


def _intent_of(row: OrderRow, instrument_id: InstrumentId) -> OrderIntent | None:
    if row.side not in Side.__members__:
        return None
    for kind, raw in row.order_configuration.items():
        terms = _TERMS.get(kind)
        try:
            return terms and _intent(row, instrument_id, terms, decode(bytes(raw), OrderForm))
        except OrderError:
            return None
    return None


def _intent(
    row: OrderRow, instrument_id: InstrumentId, terms: Terms, form: OrderForm
) -> OrderIntent:
    quantity = optional_amount(form.base_size)
    return OrderIntent(
        instrument_id=instrument_id,
        side=Side[row.side],
        type=terms[0],
        quantity=quantity,
        quote_amount=optional_amount(form.quote_size) if quantity is None else None,
        limit_price=optional_amount(form.limit_price),
        stop_price=optional_amount(form.stop_price),
        time_in_force=terms[1],
        expire_ns=time_ns(form.end_time) if terms[1] is TimeInForce.GTD else None,
        post_only=form.post_only,
    )


def fill_of(
    row: FillRow,
    client_order_id: str,
    symbols: Symbols,
    *,
    instrument_id: InstrumentId | None = None,
) -> Fill | None:
    """
    Return one execution; None for what is no trade (reversals, corrections, synthetic entries).

    Its id is `entry_id`, the only one that is unique (protocol: fills). The fee is in quote.

    Raises:
        DataError: A number, time or side of it cannot be read.
    """
    if row.trade_type not in ("FILL", ""):
        return None
    if row.side not in Side.__members__:
        raise DataError(f"a fill has the side {row.side!r}", where=f"order {row.order_id}")
    price, quantity = positive(row.price), positive(row.size)
    if row.size_in_quote:
        quantity = divide_half_even(quantity, price, places=_QUOTE_PLACES)
    traded = instrument_id or symbols.id_of(row.product_id)
    return Fill(
        row.entry_id,
        client_order_id,
        traded,
        Side[row.side],
        quantity,
        price,
        amount(row.commission),
        _quote_of(traded, symbols),
        Liquidity.MAKER if row.liquidity_indicator == "MAKER" else Liquidity.TAKER,
        time_ns(row.trade_time),
    )


def _quote_of(instrument_id: InstrumentId, symbols: Symbols) -> str:
    listing = symbols.listings.get(instrument_id)
    return listing.instrument.quote if listing else instrument_id.symbol.rpartition("-")[2]
