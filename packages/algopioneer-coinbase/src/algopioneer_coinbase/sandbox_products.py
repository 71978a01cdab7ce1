"""What the local exchange trades: products in the form of its own answers."""

from typing import Any, Final

__all__ = ["DEFAULT_PRODUCTS", "future_json", "spot_json"]

Json = dict[str, Any]
_NEVER: Final = "0001-01-01T00:00:00Z"
_LATER_TEXTS: Final = (
    "market_cap",
    "base_cbrn",
    "quote_cbrn",
    "product_cbrn",
    "icon_color",
    "icon_url",
    "display_name_overwrite",
    "about_description",
    "best_bid_price",
    "best_ask_price",
)
"""Fields that products of 2026 have beyond those of 2025; empty where that was recorded."""


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
        new_at=None,
    ) | {
        "fcm_trading_session_details": {
            "is_session_open": True,
            "open_time": _NEVER,
            "close_time": _NEVER,
            "session_state": "FCM_TRADING_SESSION_STATE_OPEN",
            "after_hours_order_entry_disabled": False,
            "closed_reason": "FCM_TRADING_SESSION_CLOSED_REASON_UNDEFINED",
            "maintenance": {"start_time": _NEVER, "end_time": _NEVER},
        },
        "future_product_details": _contract(name, base, expiry, size),
    }


def _contract(name: str, base: str, expiry: str, size: str) -> Json:
    rates = {"long_margin_rate": "0.1", "short_margin_rate": "0.1"}
    return {
        "venue": "cde",
        "contract_code": name.partition("-")[0],
        "contract_expiry": expiry,
        "contract_size": size,
        "contract_root_unit": base,
        "group_description": f"{base} Futures",
        "contract_expiry_timezone": "Europe/London",
        "group_short_description": base,
        "risk_managed_by": "MANAGED_BY_FCM",
        "contract_expiry_type": "EXPIRING",
        "perpetual_details": {
            "open_interest": "0",
            "funding_rate": "",
            "funding_time": None,
            "max_leverage": "",
            "base_asset_uuid": "",
            "underlying_type": "",
        },
        "contract_display_name": name,
        "time_to_expiry_ms": "0",
        "non_crypto": False,
        "contract_expiry_name": expiry[:7],
        "twenty_four_by_seven": True,
        "funding_interval": None,
        "open_interest": "0",
        "funding_rate": "",
        "funding_time": None,
        "display_name": f"{base} Futures ({expiry[:7]})",
        "region_enabled": {},
        "intraday_margin_rate": rates,
        "overnight_margin_rate": rates,
        "settlement_price": "",
        "futures_asset_type": "FUTURES_ASSET_TYPE_CRYPTO",
        "index_price": "",
        "contract_code_display_name": "",
        "product_group_cbrn": "",
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
        **dict.fromkeys(_LATER_TEXTS, ""),
        "is_alpha_testing": False,
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
