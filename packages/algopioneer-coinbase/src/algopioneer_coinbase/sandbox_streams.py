"""
The websockets of the local Coinbase.

What happens at the exchange is written for each connection that has subscribed to it, under the
connection's own sequence over all channels, and sent by a task of the connection. A client that
does not read is hung up on; so is one that does not subscribe within five seconds, or has a
connection that nothing is sent on for ninety (protocol: keepalive).
"""

import json
from collections.abc import Callable, Iterable
from itertools import count
from typing import Final

import anyio
import msgspec
from anyio.abc import ByteStream, Listener

from algopioneer_coinbase.sandbox_auth import Gatekeeper, PerSecond
from algopioneer_coinbase.sandbox_channels import CHANNELS, PRIVATE, Channels, Shown
from algopioneer_coinbase.sandbox_connection import Connection, Json, Outbox
from algopioneer_coinbase.sandbox_futures import FuturesAccount
from algopioneer_coinbase.sandbox_trading import Trading
from algopioneer_core.domain.events import ExecutionReport
from algopioneer_core.domain.market_data import Quote, Trade
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.simulation.sandbox import PlacedOrder
from algopioneer_core.wire.websocket import WebSocket, WebSocketClosed
from algopioneer_core.wire.websocket_server import Handshake, Refusal, serve_websockets

__all__ = ["Streams"]

_FIRST_SUBSCRIBE_S: Final = 5.0
_IDLE_S: Final = 90.0
_UNSIGNED_A_SECOND: Final = 8
"""Messages without a token that are heard of one address (protocol: rate limits)."""
_WAITING_MESSAGES: Final = 10_000
_SWALLOWED: Final = ("silence", "half_open", "stall")
"""Faults during which nothing goes out; what should have is missing from the sequence then."""
_TOO_MANY: Final = 429


class Streams:
    """
    All connections. All clients here have one address, which is what limits are of.

    Args:
        trading: Orders, and the exchange behind them, which is what connections show.
        futures: The account's second pocket.
        gate: Checks tokens.
    """

    def __init__(self, trading: Trading, futures: FuturesAccount, gate: Gatekeeper) -> None:
        self._exchange = trading.exchange
        self._gate = gate
        self._channels = Channels(trading, futures)
        self._connections: dict[Connection, None] = {}
        self._held: list[tuple[str, list[Json]]] = []  # to be overtaken by the next of an order
        self.skipped = 0
        """Market data messages to lose: each takes its number of the sequence with it."""
        self.on_heard: Callable[[str], None] = lambda _: None
        """Told of what clients say."""
        self._beat_s = trading.manners.beat_s
        self._opened = PerSecond(trading.manners.connections_per_second)
        self._unsigned = PerSecond(_UNSIGNED_A_SECOND)
        self._exchange.listen(self._on_report, self._on_event)

    # --- a connection ------------------------------------------------------------------------

    async def listen(self, listener: Listener[ByteStream]) -> None:
        """Serve whoever connects, until cancelled."""
        await serve_websockets(listener, self.serve, check=self.check)

    def check(self, _: Handshake) -> Refusal | None:
        """Refuse one connection too many in a second (protocol: rate limits)."""
        if self._is_in_time(self._opened):
            return None
        return Refusal(_TOO_MANY, "Too many requests\n")

    async def serve(self, websocket: WebSocket, _: Handshake) -> None:
        """Serve one client until it leaves, or until it is hung up on."""
        if self._exchange.faults["outage"]:
            return
        connection = Connection(Outbox(_WAITING_MESSAGES), anyio.current_time())
        self._connections[connection] = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._send, websocket, connection, tasks.cancel_scope)
                tasks.start_soon(self._hang_up_idle, connection, tasks.cancel_scope)
                tasks.start_soon(self._beat, connection)
                await self._hear_all(websocket, connection)
                tasks.cancel_scope.cancel()
        finally:
            del self._connections[connection]

    def hang_up(self) -> None:
        """Break all connections, without a word."""
        for connection in self._connections:
            connection.outbox.close()

    async def _hear_all(self, websocket: WebSocket, connection: Connection) -> None:
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
        self, websocket: WebSocket, connection: Connection, scope: anyio.CancelScope
    ) -> None:
        while (text := await connection.outbox.take()) is not None:
            if not any(map(self._exchange.faults.get, _SWALLOWED)):
                try:
                    await websocket.send(text)
                except WebSocketClosed:
                    break
            connection.sent_at = anyio.current_time()
        scope.cancel()

    async def _hang_up_idle(self, connection: Connection, scope: anyio.CancelScope) -> None:
        """Hang up once nothing has been sent for too long; looks only when that may be so."""
        left_s = _IDLE_S
        while left_s > 0:
            await anyio.sleep(left_s)
            left_s = connection.sent_at + _IDLE_S - anyio.current_time()
        scope.cancel()

    async def _beat(self, connection: Connection) -> None:
        """Say at each beat what is said by the clock and not because something happened."""
        for second in count(self._beat_s, self._beat_s):
            await anyio.sleep(self._beat_s)
            for channel, events in self._channels.by_clock(connection, second):
                if events:
                    self._put(connection, channel, events)

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
        if asked.get("jwt") is None and not self._is_in_time(self._unsigned):
            self._refuse(connection, "rate limit exceeded")
        elif channel not in CHANNELS or kind not in ("subscribe", "unsubscribe"):
            self._refuse(connection, f"unknown channel or type: {kind} {channel}")
        elif not self._is_allowed(channel, asked.get("jwt")):
            self._refuse(connection, "authentication failure")
        elif kind == "subscribe":
            self._subscribe(connection, channel, products)
        else:
            self._unsubscribe(connection, channel, products)

    def _is_in_time(self, limit: PerSecond) -> bool:
        """Count one more of something that is limited, unless it is one too many."""
        now_ns = self._exchange.clock.now_ns()
        if not limit.left(now_ns):
            return False
        limit.take(now_ns)
        return True

    def _is_allowed(self, channel: str, token: str | None) -> bool:
        if token is None:
            return channel not in PRIVATE
        return self._gate.admits(token, self._exchange.clock.now_ns(), uris=(None,))

    def _refuse(self, connection: Connection, message: str) -> None:
        connection.outbox.put(json.dumps({"type": "error", "message": message}))

    def _subscribe(self, connection: Connection, channel: str, products: list[str]) -> None:
        names = self._channels.names_of(channel, products)
        connection.subscriptions.setdefault(channel, set()).update(names)
        self._tell_subscriptions(connection)
        for event in self._channels.snapshots(connection, channel, products):
            self._put(connection, channel, [event])

    def _unsubscribe(self, connection: Connection, channel: str, products: list[str]) -> None:
        gone = self._channels.names_of(channel, products)
        left = connection.subscriptions.get(channel, set()) - set(gone)
        if products and left:
            connection.subscriptions[channel] = left
        else:
            connection.subscriptions.pop(channel, None)
        self._tell_subscriptions(connection)

    def _tell_subscriptions(self, connection: Connection) -> None:
        active = {name: sorted(ids) for name, ids in connection.subscriptions.items()}
        self._put(connection, "subscriptions", [{"subscriptions": active}])

    # --- what is shown -----------------------------------------------------------------------

    def show_order(self, placed: PlacedOrder) -> None:
        """Tell of an order as it is now."""
        update = placed.order.intent.instrument_id.symbol, [self._channels.of_order(placed)]
        if not self._held and self._exchange.befalls("reorder"):
            self._held = [update]
            return
        self._tell_order(*update)
        self._tell_held()

    def _tell_held(self) -> None:
        """Tell what was held back to be overtaken; it has been, or there is nothing to do it."""
        held, self._held = self._held, []
        for product, events in held:
            self._tell_order(product, events)

    def _tell_order(self, product: str, events: list[Json]) -> None:
        for connection in self._connections:
            if connection.wants("user", product):
                self._put(connection, "user", events)
                if self._exchange.befalls("duplicate"):
                    self._put(connection, "user", events)

    def _on_report(self, placed: PlacedOrder, _: ExecutionReport) -> None:
        self.show_order(placed)

    def _on_event(self, event: Quote | Trade) -> None:
        """Show what happened to all who want it, as of one time."""
        self._tell_held()
        self._show(event, iso_utc(self._exchange.clock.now_ns()), self._channels.of_market(event))

    def show_garbage(self, event: Quote | Trade) -> None:
        """Show a quote or a trade that never was, as of its own time."""
        self._show(event, iso_utc(event.ts_event), [self._channels.of_price(event)])

    def _show(self, event: Quote | Trade, now: str, shown: Iterable[Shown]) -> None:
        name = event.instrument_id.symbol
        for channel, make in shown:
            content: list[Json] = []
            for connection in self._connections:
                if connection.wants(channel, name):
                    content = content or [make()]
                    self._put(connection, channel, content, now)

    # --- writing -----------------------------------------------------------------------------

    def _put(
        self, connection: Connection, channel: str, events: list[Json], now: str | None = None
    ) -> None:
        if self._exchange.faults.get("mute") and channel != "heartbeats":
            return  # nothing is missing: the sequence goes on with the next heartbeat
        message = {
            "channel": "l2_data" if channel == "level2" else channel,
            "client_id": "",
            "timestamp": now or iso_utc(self._exchange.clock.now_ns()),
            "sequence_num": connection.sequence,
            "events": events,
        }
        connection.sequence += 1
        if self.skipped and not PRIVATE & connection.subscriptions.keys():
            self.skipped -= 1
        else:
            connection.outbox.put(msgspec.json.encode(message).decode())
