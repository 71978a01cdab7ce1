"""How the local exchange writes what its markets do: the keys and types of recorded messages."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from algopioneer_core.domain.market_data import Quote, Trade
from algopioneer_core.domain.money import ZERO, divide_half_even, mul, plain, sub
from algopioneer_core.domain.times import iso_utc

__all__ = ["book_json", "level2_json", "spread_json", "status_json", "ticker_json", "trade_json"]

Json = dict[str, Any]
_BPS: Final = Decimal(10_000)
_BPS_PLACES: Final = 12
_SNAPSHOT_TIME: Final = "1970-01-01T00:00:00Z"
"""What the levels of a whole book say of when they changed (protocol: channels)."""


def trade_json(trade: Trade, name: str, **more: str) -> Json:
    """
    Return a public trade.

    Args:
        trade: What happened. Its side is the one that rested; here somebody always rests to buy.
        name: What the market is called where it is shown.
        more: What REST adds.
    """
    return {
        "trade_id": trade.trade_id,
        "product_id": name,
        "price": plain(trade.price),
        "size": plain(trade.quantity),
        "side": "BUY",
        "time": iso_utc(trade.ts_event),
        **more,
    }


def book_json(name: str, quote: Quote | None, now_ns: int) -> Json:
    """Return a book of one level on each side; of none where nothing has been quoted."""
    sides: list[list[Json]] = [[], []]
    if quote is not None:
        best = ((quote.bid, quote.bid_size), (quote.ask, quote.ask_size))
        sides = [[{"price": plain(price), "size": plain(size)}] for price, size in best]
    bids, asks = sides
    when = now_ns if quote is None else quote.ts_event
    return {"product_id": name, "bids": bids, "asks": asks, "time": iso_utc(when)}


def spread_json(quote: Quote | None) -> Json:
    """Return what stands beside a book."""
    if quote is None:
        return {"last": "", "mid_market": "", "spread_bps": "", "spread_absolute": ""}
    spread = sub(quote.ask, quote.bid)
    bps = divide_half_even(mul(spread, _BPS), quote.mid, places=_BPS_PLACES)
    mid = plain(quote.mid)
    return {
        "last": mid,
        "mid_market": mid,
        "spread_bps": plain(bps),
        "spread_absolute": plain(spread),
    }


def ticker_json(quote: Quote, trade: Trade | None, *, with_book: bool = True) -> Json:
    """Return a ticker; that of `ticker_batch` is without the best of the book."""
    price = plain(trade.price if trade else quote.mid)
    best = {
        "best_bid": plain(quote.bid),
        "best_bid_quantity": plain(quote.bid_size),
        "best_ask": plain(quote.ask),
        "best_ask_quantity": plain(quote.ask_size),
    }
    return {
        "type": "ticker",
        "product_id": quote.instrument_id.symbol,
        "price": price,
        "volume_24_h": "0",
        "low_24_h": price,
        "high_24_h": price,
        "low_52_w": price,
        "high_52_w": price,
        "price_percent_chg_24_h": "0",
        **(best if with_book else {}),
    }


def level2_json(quote: Quote, before: Quote | None) -> Json:
    """Return a book of one level on each side: whole, or what changes it from *before*."""
    when = _SNAPSHOT_TIME if before is None else iso_utc(quote.ts_event)
    levels = [("bid", quote.bid, quote.bid_size), ("offer", quote.ask, quote.ask_size)]
    if before is not None and before.bid != quote.bid:
        levels.insert(0, ("bid", before.bid, ZERO))
    if before is not None and before.ask != quote.ask:
        levels.insert(0, ("offer", before.ask, ZERO))
    return {
        "type": "snapshot" if before is None else "update",
        "product_id": quote.instrument_id.symbol,
        "updates": [
            {
                "side": side,
                "event_time": when,
                "price_level": plain(price),
                "new_quantity": plain(size),
            }
            for side, price, size in levels
        ],
    }


def status_json(product: Mapping[str, Any]) -> Json:
    """Return a product as the channel `status` shows it."""
    return {
        "product_type": product["product_type"],
        "id": product["product_id"],
        "base_currency": product["base_currency_id"],
        "quote_currency": product["quote_currency_id"],
        "base_increment": product["base_increment"],
        "quote_increment": product["quote_increment"],
        "display_name": str(product["display_name"]).replace("-", "/"),
        "status": product["status"],
        "status_message": "",
        "min_market_funds": product["quote_min_size"],
    }
