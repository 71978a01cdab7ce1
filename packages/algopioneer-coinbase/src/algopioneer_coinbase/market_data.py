"""The markets of Coinbase: products, streams that mend themselves, and history without holes."""

import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.abc
import anyio.lowlevel
from attrs import frozen

from algopioneer_coinbase.messages import CandleRow
from algopioneer_coinbase.numbers import seconds_ns
from algopioneer_coinbase.rest import CANDLES_A_PAGE, CoinbaseRest
from algopioneer_coinbase.signing import Signer
from algopioneer_coinbase.stream import (
    MarketStream,
    SequenceGap,
    StreamRefused,
    bar_of,
)
from algopioneer_coinbase.symbols import VENUE, Symbols
from algopioneer_core.domain.errors import DataError, UnsupportedOperation, VenueError
from algopioneer_core.domain.events import FeedDown, FeedGap, FeedUp, InstrumentStatus
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote
from algopioneer_core.ports import Clock, MarketDataEvent, MarketSession, ReceiveStream
from algopioneer_core.wire.backoff import Backoff, BackoffPolicy
from algopioneer_core.wire.dialing import Dial
from algopioneer_core.wire.pacing import wait_turn
from algopioneer_core.wire.rate_limits import TokenBucket
from algopioneer_core.wire.tasks import tasks_for_block
from algopioneer_core.wire.wake import Wake
from algopioneer_core.wire.websocket import WebSocket
from algopioneer_core.wire.websocket_client import open_websocket

__all__ = ["GRANULARITIES", "CoinbaseMarketData", "EventQueue", "StreamSettings"]

_MINUTE_NS: Final = 60 * NS_PER_SECOND
GRANULARITIES: Final = {
    _MINUTE_NS: "ONE_MINUTE",
    5 * _MINUTE_NS: "FIVE_MINUTE",
    15 * _MINUTE_NS: "FIFTEEN_MINUTE",
    30 * _MINUTE_NS: "THIRTY_MINUTE",
    60 * _MINUTE_NS: "ONE_HOUR",
    120 * _MINUTE_NS: "TWO_HOUR",
    240 * _MINUTE_NS: "FOUR_HOUR",
    360 * _MINUTE_NS: "SIX_HOUR",
    1440 * _MINUTE_NS: "ONE_DAY",
}
"""Lengths of bars in history, and what they are called (protocol: candles)."""
_DAY_NS: Final = 1440 * _MINUTE_NS
_FIRST_NS: Final = 1_420_070_400 * NS_PER_SECOND
"""2015-01-01: the venue has no market that is older."""
_MESSAGES_PER_SECOND: Final = 5
"""Subscriptions sent in a second; eight are allowed without a key (protocol: rate limits)."""
RECONNECT: Final = BackoffPolicy(base_ns=NS_PER_SECOND, cap_ns=30 * NS_PER_SECOND, at_once=1)
"""Waits between connections: most are lost for a moment only (protocol: disconnects)."""


@frozen(kw_only=True)
class StreamSettings:
    """Where streams come from, and when they count as dead."""

    market_url: str
    user_url: str
    dial: Dial
    silence_s: float
    """Also how long a connection may take to be made, and to confirm what was subscribed."""
    draw: Callable[[], float]

    @asynccontextmanager
    async def connected(self, url: str) -> AsyncIterator[WebSocket]:
        """
        Connect to one of the streams for the length of a block.

        Raises:
            TimeoutError: The venue does not answer, as it may when the line is half open.
            VenueError: See `open_websocket`.
        """
        with anyio.fail_after(self.silence_s) as patience:
            async with open_websocket(url, dial=self.dial, text_as_bytes=True) as websocket:
                patience.deadline = math.inf
                yield websocket


class EventQueue:
    """
    What has come and has not been read: of quotes only the latest of each instrument.

    Everything is kept in the order in which it came; a quote that a newer one replaces gives up its
    place, so that none is ever ahead of what happened before it.
    """

    def __init__(self) -> None:
        self._events: OrderedDict[int, MarketDataEvent] = OrderedDict()  # by number of arrival
        self._quotes: dict[InstrumentId, int] = {}
        self._arrived = 0
        self._arrival = Wake()
        self._error: Exception | None = None
        self.conflated = 0
        """Quotes that a newer one replaced before they were read."""

    def put(self, event: MarketDataEvent) -> None:
        """Add an event; a quote replaces one of its instrument that still waits."""
        self._arrived += 1
        if isinstance(event, Quote):
            before = self._quotes.get(event.instrument_id)
            if before is not None:
                self.conflated += 1
                del self._events[before]
            self._quotes[event.instrument_id] = self._arrived
        self._events[self._arrived] = event
        self._arrival.ring()

    def fail(self, error: Exception) -> None:
        """End with *error* once everything has been read."""
        self._error = error
        self._arrival.ring()

    async def receive(self) -> MarketDataEvent:
        """
        Wait for the next event; a cancellation loses none.

        Raises:
            VenueError: The stream broke for good.
        """
        if self._events:  # else waiting is one
            await anyio.lowlevel.checkpoint()
        while not self._events:
            if self._error is not None:
                raise self._error
            await self._arrival.wait()
        _, event = self._events.popitem(last=False)
        if isinstance(event, Quote):
            del self._quotes[event.instrument_id]
        return event

    def __aiter__(self) -> AsyncIterator[MarketDataEvent]:
        return self

    async def __anext__(self) -> MarketDataEvent:
        return await self.receive()


class CoinbaseMarketData:
    """
    The `MarketData` port.

    Args:
        rest: For products and history.
        symbols: What can be traded.
        signer: Signs subscriptions, which makes them more reliable; None is anonymous.
        clock: Time of arrival, and what history is finished.
        settings: Where streams come from.
    """

    def __init__(
        self,
        rest: CoinbaseRest,
        symbols: Symbols,
        signer: Signer | None,
        clock: Clock,
        settings: StreamSettings,
    ) -> None:
        self._rest = rest
        self._symbols = symbols
        self._signer = signer
        self._clock = clock
        self._settings = settings
        self._messages = TokenBucket.per_window(_MESSAGES_PER_SECOND + 1, NS_PER_SECOND)
        self.malformed = 0
        """Messages that had prices or times that are none, and were passed over."""

    async def instruments(self) -> Sequence[Instrument]:
        """Return everything that could be traded when the venue was opened."""
        await anyio.lowlevel.checkpoint()
        return [each.instrument for each in self._symbols.listings.values()]

    def status(self, instrument_id: InstrumentId) -> InstrumentStatus:
        """
        Return what could be done with an instrument when the venue was opened.

        Raises:
            UnsupportedOperation: It is not traded here.
        """
        return self._symbols.listing(instrument_id).status

    async def market_hours(self, start_ns: int, end_ns: int) -> Sequence[MarketSession]:
        """Return one session: spot never closes, and futures say of pauses in their status."""
        await anyio.lowlevel.checkpoint()
        return [MarketSession(start_ns, end_ns)]

    # --- streams -----------------------------------------------------------------------------

    @asynccontextmanager
    async def subscribe(
        self, instrument_ids: Sequence[InstrumentId]
    ) -> AsyncIterator[ReceiveStream[MarketDataEvent]]:
        """
        Open a stream of quotes, trades and five-minute bars; the venue has confirmed it on entry.

        A lost, silent or gapped connection is replaced: `FeedGap` for each instrument where
        messages are missing, `FeedDown`, then `FeedUp` once everything is subscribed again.

        Raises:
            UnsupportedOperation: An instrument is not traded here.
            VenueError: The venue cannot be reached, or refuses the subscription.
        """
        for each in instrument_ids:
            self._symbols.listing(each)
        feed = _Feed(self, tuple(dict.fromkeys(instrument_ids)))
        async with tasks_for_block() as tasks:
            await feed.start(tasks)
            yield feed.queue

    # --- history -----------------------------------------------------------------------------

    async def bars(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> Sequence[Bar]:
        """
        Return the finished bars that close in [start_ns, end_ns), each once, in order of time.

        A long range is asked for by days first, so that days without a trade cost nothing.

        Raises:
            UnsupportedOperation: The interval or the instrument is not offered.
            VenueError: The venue does not answer.
        """
        granularity = GRANULARITIES.get(interval_ns)
        if granularity is None:
            raise UnsupportedOperation(
                f"bars of {interval_ns / NS_PER_SECOND:g} s are not offered",
                where=instrument_id,
                remedy="choose 1, 5, 15 or 30 minutes, 1, 2, 4 or 6 hours, or a day",
            )
        self._symbols.listing(instrument_id)
        finished_ns = min(end_ns, self._clock.now_ns() + 1)  # closes before this
        first = -(-max(start_ns - interval_ns, _FIRST_NS) // interval_ns) * interval_ns
        last = (finished_ns - 1 - interval_ns) // interval_ns * interval_ns
        bars: dict[int, Bar] = {}
        for begin, end in await self._stretches(instrument_id, interval_ns, first, last):
            for bar in await self._page_through(instrument_id, interval_ns, begin, end):
                bars[bar.ts_event] = bar
        return [bars[time] for time in sorted(bars) if start_ns <= time < finished_ns]

    async def _stretches(
        self, instrument_id: InstrumentId, interval_ns: int, first: int, last: int
    ) -> list[tuple[int, int]]:
        """Return where there are trades, as first and last opens; all of a short range."""
        if last < first:
            return []
        if interval_ns == _DAY_NS or (last - first) // interval_ns < 2 * CANDLES_A_PAGE:
            return [(first, last)]
        begin = first - first % _DAY_NS
        days = await self._page_through(instrument_id, _DAY_NS, begin, last)
        stretches: list[tuple[int, int]] = []
        for bar in days:
            opened, closed = bar.ts_event - _DAY_NS, bar.ts_event - interval_ns
            if stretches and stretches[-1][1] + interval_ns == opened:
                stretches[-1] = (stretches[-1][0], closed)
            else:
                stretches.append((opened, closed))
        return [(max(first, begin), min(last, end)) for begin, end in stretches]

    async def _page_through(
        self, instrument_id: InstrumentId, interval_ns: int, first: int, last: int
    ) -> list[Bar]:
        """Return the bars that open in [first, last], oldest first, the running one included."""
        rows: list[Bar] = []
        granularity, step_ns = GRANULARITIES[interval_ns], CANDLES_A_PAGE * interval_ns
        for begin in range(first, last + 1, step_ns):
            end = min(begin + step_ns - interval_ns, last)
            page = await self._rest.candles(
                instrument_id.symbol, granularity, begin // NS_PER_SECOND, end // NS_PER_SECOND
            )
            rows += [
                self._bar(row, instrument_id, interval_ns)
                for row in reversed(page)  # newest first (protocol: candles)
                if begin <= seconds_ns(row.start) <= end
            ]
        return sorted(rows, key=lambda bar: bar.ts_event)

    def _bar(self, row: CandleRow, instrument_id: InstrumentId, interval_ns: int) -> Bar:
        bar = bar_of(row, instrument_id, interval_ns, ts_recv=0)
        return bar._replace(ts_recv=bar.ts_event)


class _Feed:
    """One subscription: its connections, one after the other."""

    def __init__(self, market: CoinbaseMarketData, ids: tuple[InstrumentId, ...]) -> None:
        self.queue = EventQueue()
        self._market = market
        self._ids = ids
        self._names = market._symbols.stream_names(ids)
        self._was_up = self._is_up = self._is_refused = False
        self._started: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
        self._waits = Backoff(RECONNECT, market._settings.draw)

    async def start(self, tasks: anyio.abc.TaskGroup) -> None:
        """Start, and return once everything is subscribed."""
        await tasks.start(self._run)

    async def _run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        self._started = task_status
        while True:
            try:
                await self._connect()
            except StreamRefused as error:
                if self._is_refused or self._market._signer is None:
                    self._refuse(error)
                    return
                self._is_refused = True  # as all tokens are while our clock is wrong
                if self._is_up:
                    self._lost(error)
                await self._market._rest.learn_time()
            except (VenueError, TimeoutError) as error:
                self._lost(error)
            await anyio.sleep(self._waits.next_ns() / NS_PER_SECOND)

    def _refuse(self, error: StreamRefused) -> None:
        if not self._was_up:
            raise error
        self.queue.fail(error)

    def _lost(self, error: Exception) -> None:
        """Tell of a connection that ended; one that never began is the subscriber's to know."""
        if not self._was_up:
            if isinstance(error, TimeoutError):
                raise VenueError("the stream is silent", where=VENUE) from error
            raise error
        if not self._is_up:
            return
        self._is_up = False
        now_ns = self._market._clock.now_ns()
        if isinstance(error, SequenceGap):
            for each in self._ids:
                self.queue.put(FeedGap(each, now_ns))
        reason = str(error) or "nothing came for too long"
        self.queue.put(FeedDown(VENUE, now_ns, reason))

    async def _connect(self) -> None:
        """Keep one connection until it is lost."""
        market, settings = self._market, self._market._settings
        token = None if market._signer is None else market._rest.stream_token
        session = MarketStream(self._names, token)
        async with settings.connected(settings.market_url) as websocket:
            up_by = anyio.current_time() + settings.silence_s
            for text in session.hello():
                await wait_turn([market._messages])
                await websocket.send(text)
            # One deadline that moves on: a scope for each message costs more than the message.
            with anyio.fail_after(up_by - anyio.current_time()) as patience:
                while True:
                    self._take(session, await websocket.receive())
                    if not self._is_up and session.is_subscribed:
                        self._up()
                    if self._is_up:
                        patience.deadline = anyio.current_time() + settings.silence_s

    def _up(self) -> None:
        self._is_up, self._is_refused = True, False
        self._waits.reset()
        if self._was_up:
            self.queue.put(FeedUp(VENUE, self._market._clock.now_ns()))
        else:
            self._was_up = True
            self._started.started()

    def _take(self, session: MarketStream, data: bytes | str) -> None:
        try:
            events = session.receive(data, self._market._clock.now_ns())
        except DataError:
            # Where the whole message could not be read, its place in the sequence is missing, and
            # the next one says so. Where it was a price, the message alone is passed over.
            self._market.malformed += 1
            return
        for event in events:
            self.queue.put(event)
