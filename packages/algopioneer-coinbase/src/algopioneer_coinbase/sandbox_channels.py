"""
What each channel of the local Coinbase's websockets shows (protocol: channels).

A subscription begins with a snapshot. After it, channels tell of what happens, or by the clock of
what has changed since they told last.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from algopioneer_coinbase.sandbox_connection import Connection, Json
from algopioneer_coinbase.sandbox_futures import FuturesAccount
from algopioneer_coinbase.sandbox_market_shapes import (
    level2_json,
    status_json,
    ticker_json,
    trade_json,
)
from algopioneer_coinbase.sandbox_shapes import (
    candle_json,
    stream_position_json,
    user_order_json,
)
from algopioneer_coinbase.sandbox_trading import Trading
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Quote, Trade
from algopioneer_core.domain.money import ZERO
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.simulation.sandbox import PlacedOrder

__all__ = ["CHANNELS", "PRIVATE", "Channels", "Shown"]

PRIVATE: Final = frozenset({"user", "futures_balance_summary"})
"""Channels that need a token."""
CHANNELS: Final = PRIVATE | {
    "ticker",
    "ticker_batch",
    "market_trades",
    "candles",
    "level2",
    "heartbeats",
    "status",
}
"""All that there are."""
_ORDERS_IN_A_MESSAGE: Final = 50
_FIVE_MINUTES_NS: Final = 300 * NS_PER_SECOND
_BATCH_S: Final = 5
"""How often `ticker_batch` tells of what has changed."""
Shown = tuple[str, Callable[[], Json]]
"""A channel, and what makes the event that it shows: nothing is made that nobody wants."""


class Channels:
    """
    Makes the events of all channels.

    Args:
        trading: Orders, their statuses, and the exchange behind them.
        futures: The account's second pocket.
    """

    def __init__(self, trading: Trading, futures: FuturesAccount) -> None:
        self._trading = trading
        self._exchange = trading.exchange
        self._products = trading.products
        self._futures = futures
        self._names = {each.symbol: each for each in self._exchange.books.instruments}
        self._books: dict[InstrumentId, Quote] = {}

    def names_of(self, channel: str, products: Iterable[str]) -> list[str]:
        """Return what a channel calls *products*: to market data a -USDC alias is -USD."""
        if channel in PRIVATE:
            return list(products)
        return [self._market_of(each) for each in products]

    def _market_of(self, name: str) -> str:
        alias = self._products[name]["alias"] if name in self._products else ""
        return alias if alias in self._names else name

    # --- snapshots ---------------------------------------------------------------------------

    def snapshots(self, connection: Connection, channel: str, products: list[str]) -> list[Json]:
        """Return the events that a subscription begins with."""
        if channel == "user":
            return self._open_orders()
        if channel in ("status", "ticker_batch", "futures_balance_summary"):
            connection.told.pop(channel, None)
            return self._news(connection, channel, "snapshot")
        return self._market_snapshots(channel, self.names_of(channel, products))

    def _market_snapshots(self, channel: str, names: Iterable[str]) -> list[Json]:
        ids = [self._names[each] for each in names if each in self._names]
        quotes = [quote for each in ids if (quote := self._exchange.quotes.get(each))]
        trades = [trade for each in ids if (trade := self._exchange.trades.get(each))]
        if channel == "level2":
            return [level2_json(quote, None) for quote in quotes]
        rows = {
            "ticker": ("tickers", [self._ticker(each) for each in quotes]),
            "market_trades": ("trades", [_trade(each) for each in trades]),
            "candles": ("candles", [self._candle(each) for each in trades]),
        }
        name, content = rows.get(channel, ("", []))
        return [{"type": "snapshot", name: content}] if content else []

    def _open_orders(self) -> list[Json]:
        """Return the snapshot of the private channel: open orders, fifty at a time."""
        rows = [
            self._order(each)
            for each in self._exchange.placed.values()
            if not each.order.status.is_final
        ]
        size = _ORDERS_IN_A_MESSAGE
        starts = range(0, len(rows) + 1, size)  # one that is not full ends it
        return [self._user_event("snapshot", rows[start : start + size]) for start in starts]

    # --- by the clock ------------------------------------------------------------------------

    def by_clock(self, connection: Connection, second: int) -> Iterator[tuple[str, list[Json]]]:
        """Yield what is told in a connection's *second*, by channel."""
        wanted = connection.subscriptions
        if "heartbeats" in wanted:
            yield "heartbeats", [self._heartbeat(connection)]
        for channel in ("status", "futures_balance_summary"):
            if channel in wanted:
                yield channel, self._news(connection, channel, "update")
        if "ticker_batch" in wanted and second % _BATCH_S == 0:
            yield "ticker_batch", self._news(connection, "ticker_batch", "update")

    def _heartbeat(self, connection: Connection) -> Json:
        now = iso_utc(self._exchange.clock.now_ns()).replace("T", " ").rstrip("Z")
        connection.heartbeats += 1
        return {
            "current_time": f"{now} +0000 UTC m=+1.0",
            "heartbeat_counter": connection.heartbeats - 1,
        }

    def _news(self, connection: Connection, channel: str, kind: str) -> list[Json]:
        """Return what a channel has to say that it has not said before; nothing when all is."""
        before, now = connection.told.get(channel, {}), self._facts(connection, channel)
        connection.told[channel] = now
        news = [each for name, each in now.items() if each != before.get(name)]
        if not news:
            return []
        if channel == "futures_balance_summary":
            return [{"type": kind, "fcm_balance_summary": news[0]}]
        rows = {"status": "products", "ticker_batch": "tickers"}
        return [{"type": kind, rows[channel]: news}]

    def _facts(self, connection: Connection, channel: str) -> dict[str, Json]:
        """Return what is so now, by the product that it is about; "" is the account."""
        if channel == "futures_balance_summary":
            return {"": self._futures.stream_summary()}
        if channel == "status":
            return {
                name: status_json(product)
                for name, product in self._products.items()
                if connection.wants(channel, name)
            }
        return {
            each.symbol: self._ticker(quote, with_book=False)
            for each, quote in self._exchange.quotes.items()
            if connection.wants(channel, each.symbol)
        }

    # --- what happens ------------------------------------------------------------------------

    def of_market(self, event: Quote | Trade) -> list[Shown]:
        """Return what is shown of a market's event."""
        price = self.of_price(event)
        if isinstance(event, Trade):
            candle = "candles", lambda: {"type": "update", "candles": [self._candle(event)]}
            return [price, candle]
        before = self._books.get(event.instrument_id, event)
        self._books[event.instrument_id] = event
        return [price, ("level2", lambda: level2_json(event, before))]

    def of_price(self, event: Quote | Trade) -> Shown:
        """Return what is shown of a market's event on the channel that is of nothing else."""
        if isinstance(event, Trade):
            return "market_trades", lambda: {"type": "update", "trades": [_trade(event)]}
        return "ticker", lambda: {"type": "update", "tickers": [self._ticker(event)]}

    def of_order(self, placed: PlacedOrder) -> Json:
        """Return what is shown of an order that has changed."""
        return self._user_event("update", [self._order(placed)])

    def _user_event(self, kind: str, orders: list[Json]) -> Json:
        """Return orders, and the positions that come with all of them."""
        account = self._exchange.books.account
        expiring = [
            stream_position_json(each.symbol, quantity, account.mark(each) or ZERO)
            for each, quantity in account.positions().items()
            if not self._exchange.books.instruments[each].delivers_base
        ]
        return {
            "type": kind,
            "orders": orders,
            "positions": {
                "perpetual_futures_positions": [],
                "expiring_futures_positions": expiring,
            },
        }

    def _order(self, placed: PlacedOrder) -> Json:
        product = self._products[placed.order.intent.instrument_id.symbol]
        status = self._trading.status(placed)
        row = user_order_json(placed, status, self._exchange.hold_of(placed.order))
        return {**row, "product_type": product["product_type"]}

    def _ticker(self, quote: Quote, *, with_book: bool = True) -> Json:
        trade = self._exchange.trades.get(quote.instrument_id)
        return ticker_json(quote, trade, with_book=with_book)

    def _candle(self, trade: Trade) -> Json:
        candle = self._exchange.candles[trade.instrument_id].running(_FIVE_MINUTES_NS)
        assert candle is not None
        return candle_json(candle, product_id=trade.instrument_id.symbol)


def _trade(trade: Trade) -> dict[str, Any]:
    return trade_json(trade, trade.instrument_id.symbol)
