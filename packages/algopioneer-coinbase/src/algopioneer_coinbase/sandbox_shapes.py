"""
How the local exchange writes things: the same keys and types as recorded messages have.

What a field says that no adapter reads is a constant of the right type.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from algopioneer_coinbase.sandbox_rules import Refusal
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.market_data import Quote
from algopioneer_core.domain.money import ZERO, add, divide_half_even, mul, plain, sub, total
from algopioneer_core.domain.orders import Order, OrderStatus, OrderType, TimeInForce
from algopioneer_core.domain.positions import Position
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.simulation.sandbox import PlacedOrder
from algopioneer_core.simulation.sandbox_candles import Candle

__all__ = [
    "PORTFOLIO",
    "account_json",
    "candle_json",
    "edit_preview_json",
    "fill_json",
    "order_id",
    "order_json",
    "placed_json",
    "position_json",
    "preview_json",
    "refused_json",
    "status_of",
    "stream_position_json",
    "user_order_json",
]

Json = dict[str, Any]
PORTFOLIO: Final = "2c63d2f0-0000-4000-8000-000000000001"
_USER: Final = "f8e2f9dd-0000-4000-8000-000000000001"
_PREVIEW: Final = "dcbfa9fc-0000-4000-8000-000000000001"
_NEVER: Final = "0001-01-01T00:00:00Z"
_STATUSES: Final = {
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELED: "CANCELLED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.REJECTED: "FAILED",
}
_TIMES: Final = {
    TimeInForce.GTC: "GOOD_UNTIL_CANCELLED",
    TimeInForce.GTD: "GOOD_UNTIL_DATE_TIME",
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
    TimeInForce.FOK: "FILL_OR_KILL",
}
_TYPES: Final = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP_LIMIT: "STOP_LIMIT",
}
_HALF: Final = Decimal("0.5")
_PLACES: Final = 16
"""Decimals of an average price."""


def account_json(number: int, asset: str, available: Decimal, hold: Decimal) -> Json:
    """Return a wallet."""
    kind = "FIAT" if asset in ("USD", "EUR", "GBP") else "CRYPTO"
    return {
        "uuid": f"3cf1430f-0000-4000-8000-{number:012x}",
        "name": f"{asset} Wallet",
        "currency": asset,
        "available_balance": {"value": plain(available), "currency": asset},
        "default": True,
        "active": True,
        "created_at": "2021-12-17T18:27:01.243Z",
        "updated_at": "2021-12-17T18:27:01.243Z",
        "deleted_at": None,
        "type": f"ACCOUNT_TYPE_{kind}",
        "ready": True,
        "hold": {"value": plain(hold), "currency": asset},
        "retail_portfolio_id": PORTFOLIO,
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
    }


def candle_json(candle: Candle, **more: str) -> Json:
    """Return a bar."""
    return {
        "start": str(candle.start_ns // 10**9),
        "low": plain(candle.low),
        "high": plain(candle.high),
        "open": plain(candle.open),
        "close": plain(candle.close),
        "volume": plain(candle.volume),
        **more,
    }


def order_id(placed: PlacedOrder) -> str:
    """Return the exchange's own id of an order."""
    return f"{placed.number:08x}-0000-4000-8000-{placed.number:012x}"


def status_of(order: Order) -> str:
    """Return the status of an order; a partial fill has none of its own."""
    return _STATUSES.get(order.status, "OPEN")


def _totals(placed: PlacedOrder) -> tuple[str, str, str, str, str]:
    """Return filled size, value, average price, fees, and value after fees."""
    size = total(*(fill.quantity for fill in placed.fills))
    value = total(*(mul(fill.quantity, fill.price) for fill in placed.fills))
    fees = total(*(fill.fee for fill in placed.fills))
    average = divide_half_even(value, size, places=_PLACES) if size else ZERO
    after = add(value, fees) if placed.order.intent.side is Side.BUY else sub(value, fees)
    return plain(size), plain(value), plain(average), plain(fees), plain(after if size else ZERO)


def _trigger(placed: PlacedOrder) -> str:
    """Return what became of a stop price; one that was reached is known by what traded."""
    if placed.order.intent.stop_price is None:
        return "INVALID_ORDER_TYPE"
    return "STOP_TRIGGERED" if placed.fills else "STOP_PENDING"


def _completion(placed: PlacedOrder) -> str:
    wanted, filled = placed.order.intent.quantity, placed.order.filled_quantity
    if placed.order.status is OrderStatus.FILLED:
        return "100.00"
    return plain(divide_half_even(mul(filled, Decimal(100)), wanted, places=2)) if wanted else "0"


def order_json(placed: PlacedOrder, form: Mapping[str, Any], status: str, hold: Decimal) -> Json:
    """Return an order as REST shows it."""
    order, intent = placed.order, placed.order.intent
    size, value, average, fees, after = _totals(placed)
    last = iso_utc(placed.fills[-1].ts_event) if placed.fills else None
    failed = order.message if status == "FAILED" else ""
    return {
        "order_id": order_id(placed),
        "product_id": intent.instrument_id.symbol,
        "user_id": _USER,
        "order_configuration": dict(form),
        "side": intent.side.name,
        "client_order_id": order.client_order_id,
        "status": status,
        "time_in_force": _TIMES[intent.time_in_force],
        "created_time": iso_utc(placed.placed_ns),
        "completion_percentage": _completion(placed),
        "filled_size": size,
        "average_filled_price": average,
        "fee": "",
        "number_of_fills": str(len(placed.fills)),
        "filled_value": value,
        "pending_cancel": status == "CANCEL_QUEUED",
        "size_in_quote": intent.quote_amount is not None,
        "total_fees": fees,
        "size_inclusive_of_fees": False,
        "total_value_after_fees": after,
        "trigger_status": _trigger(placed),
        "order_type": _TYPES[intent.type],
        "reject_reason": failed or "REJECT_REASON_UNSPECIFIED",
        "settled": order.status.is_final,
        "product_type": "SPOT",
        "reject_message": failed,
        "cancel_message": order.message if status == "CANCELLED" else "",
        "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": plain(hold),
        "is_liquidation": False,
        "last_fill_time": last,
        "edit_history": [],
        "leverage": "",
        "margin_type": "UNKNOWN_MARGIN_TYPE",
        "retail_portfolio_id": PORTFOLIO,
        "originating_order_id": "",
        "attached_order_id": "",
        "attached_order_configuration": None,
    }


def placed_json(placed: PlacedOrder, form: Any) -> Json:
    """Return the answer to an order that was taken."""
    return {
        "success": True,
        "success_response": {
            "order_id": order_id(placed),
            "product_id": placed.order.intent.instrument_id.symbol,
            "side": placed.order.intent.side.name,
            "client_order_id": placed.order.client_order_id,
            "attached_order_id": "",
        },
        "order_configuration": form,
    }


def refused_json(refusal: Refusal, form: Any) -> Json:
    """Return the answer to an order that was not."""
    return {
        "success": False,
        "error_response": {
            "error": refusal.code,
            "message": refusal.message,
            "error_details": "",
            "preview_failure_reason": refusal.preview,
        },
        "order_configuration": form,
    }


def preview_json(
    errors: Sequence[str], warnings: Sequence[str], quote: Quote | None, **numbers: Decimal
) -> Json:
    """
    Return what an order would come to.

    Args:
        errors: Why it would not be taken.
        warnings: What is odd about it.
        quote: The best of the book.
        numbers: As `estimate` has them; of an order that is none there are none, and then all
            other numbers are empty too (protocol: preview).
    """
    zero = "0" if numbers else ""
    return {
        **_estimate_json(quote, numbers),
        "errs": list(errors),
        "warning": list(warnings),
        "is_max": False,
        "leverage": zero,
        "long_leverage": zero,
        "short_leverage": zero,
        "preview_id": _PREVIEW,
        "current_liquidation_buffer": zero,
        "projected_liquidation_buffer": zero,
        "max_leverage": "",
        "pnl_configuration": None,
    }


def edit_preview_json(errors: Sequence[Json], quote: Quote | None, **numbers: Decimal) -> Json:
    """Return what an edited order would come to; arguments as those of `preview_json`."""
    return {
        **_estimate_json(quote, numbers),
        "errors": list(errors),
        "average_filled_price": "0" if numbers else "",
        "pnl_configuration": None,
    }


def _estimate_json(quote: Quote | None, numbers: Mapping[str, Decimal]) -> Json:
    """Return what both kinds of preview have."""
    best = quote if numbers else None
    return {
        "order_total": "",
        "commission_total": "",
        "quote_size": "",
        "base_size": "",
        "best_bid": plain(best.bid) if best else "",
        "best_ask": plain(best.ask) if best else "",
        "order_margin_total": "",
        "slippage": "0" if numbers else "",
        **{name: plain(number) for name, number in numbers.items()},
    }


def user_order_json(placed: PlacedOrder, status: str, hold: Decimal) -> Json:
    """Return an order as the private stream shows it: all text, in totals."""
    order, intent = placed.order, placed.order.intent
    size, value, average, fees, after = _totals(placed)
    rest = ZERO if status in ("CANCELLED", "EXPIRED", "FAILED") else order.remaining_quantity
    return {
        "avg_price": average,
        "cancel_reason": order.message if status == "CANCELLED" else "",
        "client_order_id": order.client_order_id,
        "completion_percentage": _completion(placed),
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
        "cumulative_quantity": size,
        "filled_value": value,
        "leaves_quantity": plain(rest or ZERO),
        "limit_price": plain(intent.limit_price or ZERO),
        "number_of_fills": str(len(placed.fills)),
        "order_id": order_id(placed),
        "order_side": intent.side.name,
        "order_type": _TYPES[intent.type].replace("_", " ").title(),
        "outstanding_hold_amount": plain(hold),
        "post_only": str(intent.post_only).lower(),
        "product_id": intent.instrument_id.symbol,
        "product_type": "SPOT",
        "reject_reason": order.message if status == "FAILED" else "",
        "retail_portfolio_id": PORTFOLIO,
        "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
        "status": status,
        "stop_price": plain(intent.stop_price) if intent.stop_price else "",
        "time_in_force": _TIMES[intent.time_in_force],
        "total_fees": fees,
        "total_value_after_fees": after,
        "trigger_status": _trigger(placed),
        "creation_time": iso_utc(placed.placed_ns),
        "end_time": iso_utc(intent.expire_ns) if intent.expire_ns else _NEVER,
        "start_time": _NEVER,
    }


def fill_json(placed: PlacedOrder, fill: Fill) -> Json:
    """Return one execution."""
    number = placed.fills.index(fill) + 1
    return {
        "entry_id": f"{placed.number}-{number}",
        "trade_id": f"{order_id(placed)}-{number}",
        "order_id": order_id(placed),
        "trade_time": iso_utc(fill.ts_event),
        "trade_type": "FILL",
        "price": plain(fill.price),
        "size": plain(fill.quantity),
        "commission": plain(fill.fee),
        "product_id": fill.instrument_id.symbol,
        "sequence_timestamp": iso_utc(fill.ts_event),
        "liquidity_indicator": "MAKER" if fill.liquidity is Liquidity.MAKER else "TAKER",
        "size_in_quote": False,
        "user_id": _USER,
        "side": fill.side.name,
        "retail_portfolio_id": PORTFOLIO,
    }


def position_json(position: Position, price: Decimal, margin: Decimal) -> Json:
    """Return a position in a US future; half of its *margin* must be kept."""
    instrument, quantity = position.instrument, position.quantity

    def money(value: Decimal) -> Json:
        return {"value": plain(value), "currency": instrument.quote}

    return {
        "product_id": instrument.id.symbol,
        "expiration_time": iso_utc(instrument.expiry_ns or 0),
        "side": "LONG" if quantity > 0 else "SHORT",
        "number_of_contracts": plain(quantity.copy_abs()),
        "current_price": money(price),
        "avg_entry_price": money(position.average_entry or ZERO),
        "unrealized_pnl": money(position.unrealised(price)),
        "daily_realized_pnl": money(ZERO),
        "total_fees": money(position.fees),
        "contract_size": plain(instrument.multiplier),
        "entry_vwap": money(position.average_entry or ZERO),
        "liquidation_price": money(ZERO),
        "leverage": "1",
        "im_contribution": money(margin),
        "mm_contribution": money(mul(margin, _HALF)),
        "position_notional": money(instrument.value(quantity, price).copy_abs()),
    }


def stream_position_json(name: str, quantity: Decimal, price: Decimal) -> Json:
    """Return a position in a US future as the private stream shows it."""
    return {
        "product_id": name,
        "side": "LONG" if quantity > 0 else "SHORT",
        "number_of_contracts": plain(quantity.copy_abs()),
        "realized_pnl": "0",
        "unrealized_pnl": "0",
        "entry_price": plain(price),
    }
