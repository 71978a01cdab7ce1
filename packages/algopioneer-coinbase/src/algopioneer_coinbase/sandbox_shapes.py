"""
How the local exchange writes things: the same keys and types as recorded messages have.

What a field says that no adapter reads is a constant of the right type.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import ZERO, add, divide_half_even, mul, plain, sub, total
from algopioneer_core.domain.orders import Order, OrderStatus, OrderType, TimeInForce
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.simulation.sandbox import PlacedOrder
from algopioneer_core.simulation.sandbox_candles import Candle

__all__ = [
    "DEFAULT_PRODUCTS",
    "PORTFOLIO",
    "account_json",
    "candle_json",
    "fill_json",
    "future_json",
    "order_id",
    "order_json",
    "position_json",
    "spot_json",
    "status_of",
    "user_order_json",
]

Json = dict[str, Any]
PORTFOLIO: Final = "2c63d2f0-0000-4000-8000-000000000001"
_USER: Final = "f8e2f9dd-0000-4000-8000-000000000001"
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
_PLACES: Final = 16
"""Decimals of an average price."""


def spot_json(base: str, quote: str, *, step: str = "0.01", alias: str = "") -> Json:
    """Return a spot product; *alias* is the -USD product whose other name it is."""
    name = f"{base}-{quote}"
    return _product(
        product_id=name,
        base_increment="0.00000001",
        quote_increment=step,
        price_increment=step,
        base_min_size="0.00000001",
        base_max_size="3400",
        quote_min_size="1",
        quote_max_size="150000000",
        base_name=base,
        status="online",
        product_type="SPOT",
        quote_currency_id=quote,
        base_currency_id=base,
        alias=alias,
        alias_to=[] if alias else [f"{base}-USDC"],
        base_display_symbol=base,
        display_name=name,
        product_venue="CBE",
    )


def future_json(name: str, base: str, expiry: str, *, step: str = "5", size: str = "0.01") -> Json:
    """Return a US future of which one contract is *size* of *base*."""
    return _product(
        product_id=name,
        base_increment="1",
        quote_increment="0.01",
        price_increment=step,
        base_min_size="1",
        base_max_size="5000",
        quote_min_size="0",
        quote_max_size="100000000",
        base_name="",
        status="",
        product_type="FUTURE",
        quote_currency_id="USD",
        base_currency_id="",
        alias="",
        alias_to=[],
        base_display_symbol="",
        display_name=name,
        product_venue="FCM",
    ) | {
        "fcm_trading_session_details": {
            "is_session_open": True,
            "open_time": _NEVER,
            "close_time": _NEVER,
            "session_state": "FCM_TRADING_SESSION_STATE_OPEN",
            "after_hours_order_entry_disabled": False,
            "closed_reason": "FCM_TRADING_SESSION_CLOSED_REASON_UNDEFINED",
        },
        "future_product_details": {
            "venue": "cde",
            "contract_code": name.partition("-")[0],
            "contract_expiry": expiry,
            "contract_size": size,
            "contract_root_unit": base,
            "group_description": f"{base} Futures",
            "contract_expiry_timezone": "Europe/London",
            "risk_managed_by": "MANAGED_BY_FCM",
            "contract_expiry_type": "EXPIRING",
            "contract_display_name": name,
        },
    }


def _product(**own: Any) -> Json:
    return {
        "price": "",
        "price_percentage_change_24h": "0",
        "volume_24h": "0",
        "volume_percentage_change_24h": "0",
        "quote_name": "US Dollar",
        "watched": False,
        "is_disabled": False,
        "new": False,
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": False,
        "auction_mode": False,
        "fcm_trading_session_details": None,
        "mid_market_price": "",
        "quote_display_symbol": "USD",
        "view_only": False,
        "approximate_quote_24h_volume": "0",
        "new_at": "2023-01-01T00:00:00Z",
        **own,
    }


DEFAULT_PRODUCTS: Final = (
    spot_json("BTC", "USD"),
    spot_json("ETH", "USD"),
    spot_json("SOL", "USD"),
    spot_json("BTC", "USDC", alias="BTC-USD"),
    future_json("BIT-27DEC30-CDE", "BTC", "2030-12-27T16:00:00Z"),
)
"""What the local exchange trades unless it is told otherwise."""


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


def _completion(placed: PlacedOrder) -> str:
    wanted, filled = placed.order.intent.quantity, placed.order.filled_quantity
    if placed.order.status is OrderStatus.FILLED:
        return "100.00"
    return plain(divide_half_even(mul(filled, Decimal(100)), wanted, places=2)) if wanted else "0"


def order_json(
    placed: PlacedOrder, form: Mapping[str, Any], status: str, hold: Decimal = ZERO
) -> Json:
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
        "trigger_status": "INVALID_ORDER_TYPE" if intent.stop_price is None else "STOP_PENDING",
        "order_type": _TYPES[intent.type],
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
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


def user_order_json(placed: PlacedOrder, status: str) -> Json:
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
        "outstanding_hold_amount": "0",
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
        "trigger_status": "INVALID_ORDER_TYPE",
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


def position_json(instrument: Instrument, quantity: Decimal, price: Decimal) -> Json:
    """Return a position in a US future."""
    money = {"value": plain(price), "currency": instrument.quote}
    return {
        "product_id": instrument.id.symbol,
        "expiration_time": iso_utc(instrument.expiry_ns or 0),
        "side": "LONG" if quantity > 0 else "SHORT",
        "number_of_contracts": plain(quantity.copy_abs()),
        "current_price": money,
        "avg_entry_price": money,
        "unrealized_pnl": {"value": "0", "currency": instrument.quote},
        "daily_realized_pnl": {"value": "0", "currency": instrument.quote},
    }
