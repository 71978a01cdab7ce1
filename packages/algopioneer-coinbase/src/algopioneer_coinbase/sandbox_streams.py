"""
The websockets of the local Coinbase.

What happens at the exchange is written for each connection that has subscribed to it, under the
connection's own sequence over all channels, and sent by a task of the connection. A client that
does not read is hung up on; so is one that does not subscribe within five seconds, or has a
connection that nothing is sent on for ninety (protocol: keepalive).
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import define, field

from algopioneer_coinbase.sandbox_auth import Gatekeeper
from algopioneer_coinbase.sandbox_shapes import candle_json, user_order_json
from algopioneer_core.domain.events import ExecutionReport
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Quote, Trade
from algopioneer_core.domain.money import ZERO, plain
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.simulation.sandbox import LocalExchange, PlacedOrder
from algopioneer_core.wire.websocket import WebSocket, WebSocketClosed
from algopioneer_core.wire.websocket_server import Handshake

__all__ = ["Streams"]

_FIRST_SUBSCRIBE_S: Final = 5.0
_IDLE_S: Final = 90.0
_WAITING_MESSAGES: Final = 10_000
_ORDERS_IN_A_MESSAGE: Final = 50
_FIVE_MINUTES_NS: Final = 300 * NS_PER_SECOND
_CHANNELS: Final = frozenset(
    {"ticker", "market_trades", "candles", "level2", "heartbeats", "user", "status"}
)
_PRIVATE: Final = frozenset({"user"})
Json = dict[str, Any]


@define(eq=False)
class _Connection:
    """One client."""

    outbox: MemoryObjectSendStream[str]
    subscriptions: dict[str, set[str]] = field(factory=dict)
    sequence: int = 0
    heartbeats: int = 0

    def wants(self, channel: str, product: str) -> bool:
        """Return whether something of a product goes out here; no product named means all."""
        products = self.subscriptions.get(channel)
        return products is not None and (not products or product in products)


class Streams:
    """
    All connections.

    Args:
        exchange: What they show.
        gate: Checks tokens.
        status: Says an order's status in the venue's words.
    """

    def __init__(
        self, exchange: LocalExchange, gate: Gatekeeper, status: Callable[[PlacedOrder], str]
    ) -> None:
        self._exchange = exchange
        self._gate = gate
        self._status = status
        self._connections: dict[_Connection, None] = {}
        self._shown: dict[InstrumentId, Quote] = {}
        self._names = {each.symbol: each for each in exchange.books.instruments}
        self.skipped = 0
        """Messages to lose: each takes its number of the sequence with it."""
        exchange.listen(self._on_report, self._on_event)

    # --- a connection ------------------------------------------------------------------------

    async def serve(self, websocket: WebSocket, _: Handshake) -> None:
        """Serve one client until it leaves, or until it is hung up on."""
        send, receive = anyio.create_memory_object_stream[str](_WAITING_MESSAGES)
        connection = _Connection(send)
        self._connections[connection] = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._send, websocket, receive, tasks.cancel_scope)
                tasks.start_soon(self._beat, connection)
                await self._listen(websocket, connection)
                tasks.cancel_scope.cancel()
        finally:
            del self._connections[connection]
            send.close()
            receive.close()

    def hang_up(self) -> None:
        """Break all connections, without a word."""
        for connection in self._connections:
            connection.outbox.close()

    async def _listen(self, websocket: WebSocket, connection: _Connection) -> None:
        try:
            with anyio.move_on_after(_FIRST_SUBSCRIBE_S) as patience:
                await self._hear(await websocket.receive(), connection)
            if patience.cancelled_caught:
                return
            while True:
                await self._hear(await websocket.receive(), connection)
        except WebSocketClosed:
            return

    async def _send(
        self,
        websocket: WebSocket,
        outbox: MemoryObjectReceiveStream[str],
        scope: anyio.CancelScope,
    ) -> None:
        while True:
            text = None
            try:
                with anyio.move_on_after(_IDLE_S):
                    text = await outbox.receive()
            except anyio.EndOfStream:
                break
            if text is None:
                break
            if self._exchange.faults["silence"]:
                continue
            try:
                await websocket.send(text)
            except WebSocketClosed:
                break
        scope.cancel()

    async def _beat(self, connection: _Connection) -> None:
        while True:
            await anyio.sleep(1)
            if "heartbeats" in connection.subscriptions:
                now = iso_utc(self._exchange.clock.now_ns()).replace("T", " ").rstrip("Z")
                event = {
                    "current_time": f"{now} +0000 UTC m=+1.0",
                    "heartbeat_counter": connection.heartbeats,
                }
                connection.heartbeats += 1
                self._put(connection, "heartbeats", [event])

    # --- what a client says ------------------------------------------------------------------

    async def _hear(self, message: str | bytes, connection: _Connection) -> None:
        try:
            asked = json.loads(message)
            kind, channel = asked["type"], asked["channel"]
            products = [str(each) for each in asked.get("product_ids", [])]
        except (ValueError, KeyError, TypeError):
            self._refuse(connection, "malformed message")
            return
        if channel not in _CHANNELS or kind not in ("subscribe", "unsubscribe"):
            self._refuse(connection, f"unknown channel or type: {kind} {channel}")
        elif not self._is_allowed(channel, asked.get("jwt")):
            self._refuse(connection, "authentication failure")
        elif kind == "subscribe":
            self._subscribe(connection, channel, products)
        else:
            self._unsubscribe(connection, channel, products)

    def _is_allowed(self, channel: str, token: str | None) -> bool:
        if token is None:
            return channel not in _PRIVATE
        return self._gate.admits(token, self._exchange.clock.now_ns(), uris=(None,))

    def _refuse(self, connection: _Connection, message: str) -> None:
        self._write(connection, json.dumps({"type": "error", "message": message}))

    def _subscribe(self, connection: _Connection, channel: str, products: list[str]) -> None:
        connection.subscriptions.setdefault(channel, set()).update(self._names_of(products))
        self._tell_subscriptions(connection)
        for event in self._snapshots(channel, products):
            self._put(connection, channel, [event])

    def _unsubscribe(self, connection: _Connection, channel: str, products: list[str]) -> None:
        left = connection.subscriptions.get(channel, set()) - set(products)
        if products and left:
            connection.subscriptions[channel] = left
        else:
            connection.subscriptions.pop(channel, None)
        self._tell_subscriptions(connection)

    def _names_of(self, products: Iterable[str]) -> list[str]:
        """Return what market data calls *products*: a -USDC alias is the -USD market."""
        return [
            usd
            if (usd := each.removesuffix("C")) in self._names and each.endswith("-USDC")
            else each
            for each in products
        ]

    def _tell_subscriptions(self, connection: _Connection) -> None:
        active = {name: sorted(ids) for name, ids in connection.subscriptions.items()}
        self._put(connection, "subscriptions", [{"subscriptions": active}])

    # --- what is shown -----------------------------------------------------------------------

    def _snapshots(self, channel: str, products: list[str]) -> list[Json]:
        """Return the events that a subscription begins with."""
        if channel == "user":
            return self._open_orders()
        ids = [self._names[each] for each in self._names_of(products) if each in self._names]
        quotes = [quote for each in ids if (quote := self._exchange.quotes.get(each))]
        trades = [trade for each in ids if (trade := self._exchange.trades.get(each))]
        if channel == "level2":
            return [_level2(quote, None) for quote in quotes]
        if channel == "ticker" and quotes:
            return [{"type": "snapshot", "tickers": [self._ticker(each) for each in quotes]}]
        if channel == "market_trades" and trades:
            return [{"type": "snapshot", "trades": [_trade(each) for each in trades]}]
        if channel == "candles" and trades:
            return [{"type": "snapshot", "candles": [self._candle(each) for each in trades]}]
        return []

    def _open_orders(self) -> list[Json]:
        """Return the snapshot of the private channel: open orders, fifty at a time."""
        rows = [
            user_order_json(each, self._status(each))
            for each in self._exchange.placed.values()
            if not each.order.status.is_final
        ]
        size = _ORDERS_IN_A_MESSAGE
        starts = range(0, len(rows) + 1, size)  # one that is not full ends it
        return [{"type": "snapshot", "orders": rows[start : start + size]} for start in starts]

    def show_order(self, placed: PlacedOrder) -> None:
        """Tell of an order as it is now."""
        order = user_order_json(placed, self._status(placed))
        events = [{"type": "update", "orders": [order]}]
        for connection in self._connections:
            if connection.wants("user", placed.order.intent.instrument_id.symbol):
                self._put(connection, "user", events)
                if self._exchange.befalls("duplicate"):
                    self._put(connection, "user", events)

    def _on_report(self, placed: PlacedOrder, _: ExecutionReport) -> None:
        self.show_order(placed)

    def _on_event(self, event: Quote | Trade) -> None:
        name = event.instrument_id.symbol
        shown: list[tuple[str, Json]]
        if isinstance(event, Trade):
            shown = [
                ("market_trades", {"type": "update", "trades": [_trade(event)]}),
                ("candles", {"type": "update", "candles": [self._candle(event)]}),
            ]
        else:
            before = self._shown.get(event.instrument_id, event)
            self._shown[event.instrument_id] = event
            shown = [
                ("ticker", {"type": "update", "tickers": [self._ticker(event)]}),
                ("level2", _level2(event, before)),
            ]
        for connection in self._connections:
            for channel, content in shown:
                if connection.wants(channel, name):
                    self._put(connection, channel, [content])

    def _ticker(self, quote: Quote) -> Json:
        trade = self._exchange.trades.get(quote.instrument_id)
        price = plain(trade.price if trade else quote.mid)
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
            "best_bid": plain(quote.bid),
            "best_bid_quantity": plain(quote.bid_size),
            "best_ask": plain(quote.ask),
            "best_ask_quantity": plain(quote.ask_size),
        }

    def _candle(self, trade: Trade) -> Json:
        candle = self._exchange.candles[trade.instrument_id].running(_FIVE_MINUTES_NS)
        assert candle is not None
        return candle_json(candle, product_id=trade.instrument_id.symbol)

    # --- writing -----------------------------------------------------------------------------

    def _put(self, connection: _Connection, channel: str, events: list[Json]) -> None:
        message = {
            "channel": "l2_data" if channel == "level2" else channel,
            "client_id": "",
            "timestamp": iso_utc(self._exchange.clock.now_ns()),
            "sequence_num": connection.sequence,
            "events": events,
        }
        connection.sequence += 1
        if self.skipped:
            self.skipped -= 1
        else:
            self._write(connection, json.dumps(message))

    def _write(self, connection: _Connection, text: str) -> None:
        try:
            connection.outbox.send_nowait(text)
        except (anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
            connection.outbox.close()  # it does not read: the sender ends, and with it the rest


def _trade(trade: Trade) -> Json:
    return {
        "trade_id": trade.trade_id,
        "product_id": trade.instrument_id.symbol,
        "price": plain(trade.price),
        "size": plain(trade.quantity),
        "side": "BUY",
        "time": iso_utc(trade.ts_event),
    }


def _level2(quote: Quote, before: Quote | None) -> Json:
    """Return a book of one level on each side: whole, or what changes it from *before*."""
    when = "1970-01-01T00:00:00Z" if before is None else iso_utc(quote.ts_event)
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
