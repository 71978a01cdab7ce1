"""
The websockets of the local Coinbase.

What happens at the exchange is written for each connection that has subscribed to it, under the
connection's own sequence over all channels, and sent by a task of the connection. A client that
does not read is hung up on; so is one that does not subscribe within five seconds, or has a
connection that nothing is sent on for ninety (protocol: keepalive).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any, Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from algopioneer_coinbase.sandbox_auth import Gatekeeper, PerSecond
from algopioneer_coinbase.sandbox_connection import Connection, Json
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
from algopioneer_core.domain.events import ExecutionReport
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Quote, Trade
from algopioneer_core.domain.money import ZERO
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.simulation.sandbox import LocalExchange, PlacedOrder
from algopioneer_core.wire.websocket import WebSocket, WebSocketClosed
from algopioneer_core.wire.websocket_server import Handshake

__all__ = ["Streams"]

_FIRST_SUBSCRIBE_S: Final = 5.0
_IDLE_S: Final = 90.0
_UNSIGNED_A_SECOND: Final = 8
"""Messages without a token that are heard of one address (protocol: rate limits)."""
_WAITING_MESSAGES: Final = 10_000
_ORDERS_IN_A_MESSAGE: Final = 50
_FIVE_MINUTES_NS: Final = 300 * NS_PER_SECOND
_BATCH_S: Final = 5
"""How often `ticker_batch` tells of what has changed (protocol: channels)."""
_CHANNELS: Final = frozenset(
    {
        "ticker",
        "ticker_batch",
        "market_trades",
        "candles",
        "level2",
        "heartbeats",
        "user",
        "status",
    }
)
_PRIVATE: Final = frozenset({"user"})
_SWALLOWED: Final = ("silence", "half_open", "stall")
"""Faults during which nothing goes out; what should have is missing from the sequence then."""


class Streams:
    """
    All connections.

    Args:
        exchange: What they show.
        products: Their descriptions, by name.
        gate: Checks tokens.
        status: Says an order's status in the venue's words.
    """

    def __init__(
        self,
        exchange: LocalExchange,
        products: Mapping[str, Mapping[str, Any]],
        gate: Gatekeeper,
        status: Callable[[PlacedOrder], str],
    ) -> None:
        self._exchange = exchange
        self._products = products
        self._gate = gate
        self._status = status
        self._connections: dict[Connection, None] = {}
        self._shown: dict[InstrumentId, Quote] = {}
        self._names = {each.symbol: each for each in exchange.books.instruments}
        self.skipped = 0
        """Market data messages to lose: each takes its number of the sequence with it."""
        self.on_heard: Callable[[str], None] = lambda _: None
        """Told of what clients say."""
        self._unsigned = PerSecond(_UNSIGNED_A_SECOND)
        exchange.listen(self._on_report, self._on_event)

    # --- a connection ------------------------------------------------------------------------

    async def serve(self, websocket: WebSocket, _: Handshake) -> None:
        """Serve one client until it leaves, or until it is hung up on."""
        if self._exchange.faults["outage"]:
            return
        send, receive = anyio.create_memory_object_stream[str](_WAITING_MESSAGES)
        connection = Connection(send)
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

    async def _listen(self, websocket: WebSocket, connection: Connection) -> None:
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
            if any(self._exchange.faults[each] for each in _SWALLOWED):
                continue
            try:
                await websocket.send(text)
            except WebSocketClosed:
                break
        scope.cancel()

    async def _beat(self, connection: Connection) -> None:
        """Say each second what is said by the clock and not because something happened."""
        for second in count(1):
            await anyio.sleep(1)
            if "heartbeats" in connection.subscriptions:
                self._put(connection, "heartbeats", [self._heartbeat(connection)])
            if "status" in connection.subscriptions:
                self._tell_statuses(connection, "update")
            if second % _BATCH_S == 0 and "ticker_batch" in connection.subscriptions:
                self._tell_batch(connection, "update")

    def _heartbeat(self, connection: Connection) -> Json:
        now = iso_utc(self._exchange.clock.now_ns()).replace("T", " ").rstrip("Z")
        connection.heartbeats += 1
        return {
            "current_time": f"{now} +0000 UTC m=+1.0",
            "heartbeat_counter": connection.heartbeats - 1,
        }

    def _tell_statuses(self, connection: Connection, kind: str) -> None:
        """Tell of the products that are not as they were told last."""
        now = {
            name: status_json(product)
            for name, product in self._products.items()
            if connection.wants("status", name)
        }
        news = [each for name, each in now.items() if each != connection.statuses.get(name)]
        connection.statuses = now
        if news:
            self._put(connection, "status", [{"type": kind, "products": news}])

    def _tell_batch(self, connection: Connection, kind: str) -> None:
        """Tell of the markets whose quote is not the one that was told last."""
        now = {
            each: quote
            for each, quote in self._exchange.quotes.items()
            if connection.wants("ticker_batch", each.symbol)
        }
        news = [quote for each, quote in now.items() if quote != connection.batched.get(each)]
        connection.batched = now
        if news:
            tickers = [self._ticker(each, with_book=False) for each in news]
            self._put(connection, "ticker_batch", [{"type": kind, "tickers": tickers}])

    # --- what a client says ------------------------------------------------------------------

    async def _hear(self, message: str | bytes, connection: Connection) -> None:
        self.on_heard(message if isinstance(message, str) else message.decode(errors="replace"))
        try:
            asked = json.loads(message)
            kind, channel = asked["type"], asked["channel"]
            products = [str(each) for each in asked.get("product_ids", [])]
        except (ValueError, KeyError, TypeError):
            self._refuse(connection, "malformed message")
            return
        if asked.get("jwt") is None and not self._is_in_time():
            self._refuse(connection, "rate limit exceeded")
        elif channel not in _CHANNELS or kind not in ("subscribe", "unsubscribe"):
            self._refuse(connection, f"unknown channel or type: {kind} {channel}")
        elif not self._is_allowed(channel, asked.get("jwt")):
            self._refuse(connection, "authentication failure")
        elif kind == "subscribe":
            self._subscribe(connection, channel, products)
        else:
            self._unsubscribe(connection, channel, products)

    def _is_in_time(self) -> bool:
        """Count one more message without a token; all clients here have one address."""
        now_ns = self._exchange.clock.now_ns()
        if not self._unsigned.left(now_ns):
            return False
        self._unsigned.take(now_ns)
        return True

    def _is_allowed(self, channel: str, token: str | None) -> bool:
        if token is None:
            return channel not in _PRIVATE
        return self._gate.admits(token, self._exchange.clock.now_ns(), uris=(None,))

    def _refuse(self, connection: Connection, message: str) -> None:
        self._write(connection, json.dumps({"type": "error", "message": message}))

    def _subscribe(self, connection: Connection, channel: str, products: list[str]) -> None:
        connection.subscriptions.setdefault(channel, set()).update(self._names_of(products))
        self._tell_subscriptions(connection)
        if channel == "status":
            connection.statuses = {}
            self._tell_statuses(connection, "snapshot")
        elif channel == "ticker_batch":
            connection.batched = {}
            self._tell_batch(connection, "snapshot")
        for event in self._snapshots(channel, products):
            self._put(connection, channel, [event])

    def _unsubscribe(self, connection: Connection, channel: str, products: list[str]) -> None:
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

    def _tell_subscriptions(self, connection: Connection) -> None:
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
            return [level2_json(quote, None) for quote in quotes]
        if channel == "ticker" and quotes:
            return [{"type": "snapshot", "tickers": [self._ticker(each) for each in quotes]}]
        if channel == "market_trades" and trades:
            return [
                {
                    "type": "snapshot",
                    "trades": [trade_json(each, each.instrument_id.symbol) for each in trades],
                }
            ]
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
        return [self._user_event("snapshot", rows[start : start + size]) for start in starts]

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

    def show_order(self, placed: PlacedOrder) -> None:
        """Tell of an order as it is now."""
        order = user_order_json(placed, self._status(placed))
        events = [self._user_event("update", [order])]
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
                ("market_trades", {"type": "update", "trades": [trade_json(event, name)]}),
                ("candles", {"type": "update", "candles": [self._candle(event)]}),
            ]
        else:
            before = self._shown.get(event.instrument_id, event)
            self._shown[event.instrument_id] = event
            shown = [
                ("ticker", {"type": "update", "tickers": [self._ticker(event)]}),
                ("level2", level2_json(event, before)),
            ]
        for connection in self._connections:
            for channel, content in shown:
                if connection.wants(channel, name):
                    self._put(connection, channel, [content])

    def _ticker(self, quote: Quote, *, with_book: bool = True) -> Json:
        trade = self._exchange.trades.get(quote.instrument_id)
        return ticker_json(quote, trade, with_book=with_book)

    def _candle(self, trade: Trade) -> Json:
        candle = self._exchange.candles[trade.instrument_id].running(_FIVE_MINUTES_NS)
        assert candle is not None
        return candle_json(candle, product_id=trade.instrument_id.symbol)

    # --- writing -----------------------------------------------------------------------------

    def _put(self, connection: Connection, channel: str, events: list[Json]) -> None:
        message = {
            "channel": "l2_data" if channel == "level2" else channel,
            "client_id": "",
            "timestamp": iso_utc(self._exchange.clock.now_ns()),
            "sequence_num": connection.sequence,
            "events": events,
        }
        connection.sequence += 1
        if self.skipped and not _PRIVATE & connection.subscriptions.keys():
            self.skipped -= 1
        else:
            self._write(connection, json.dumps(message))

    def _write(self, connection: Connection, text: str) -> None:
        try:
            connection.outbox.send_nowait(text)
        except (anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
            connection.outbox.close()  # it does not read: the sender ends, and with it the rest
