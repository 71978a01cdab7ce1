"""
The line between one life of a simulated process and its venue: it breaks, and it dies.

A `Line` is a `Venue` over another. When it breaks, its streams end with an error, as sockets do,
and nothing answers until it is mended. When it is cut, it is as after a power cut: nothing that is
left of the process reaches the venue any more. What was on the wire arrives.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import anyio
import anyio.lowlevel

from algopioneer_core.domain.capabilities import Capabilities
from algopioneer_core.domain.errors import Outcome, VenueUnavailable
from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote
from algopioneer_core.domain.money import Quantity
from algopioneer_core.domain.orders import Order
from algopioneer_core.ports import (
    Balance,
    Clock,
    FeeRates,
    MarketDataEvent,
    MarketSession,
    OrderLookup,
    ReceiveStream,
)
from algopioneer_core.simulation.buffered_stream import BufferedStream
from algopioneer_core.simulation.ending_stream import EndingStream
from algopioneer_core.testing.reference_venue import ReferenceVenue

__all__ = ["Line"]

_T = TypeVar("_T")
_OFTEN_TOGETHER: Final = 0.9
_DATED: Final = (Quote, Bar)


class Line:
    """
    A `Venue` that can be cut off.

    Args:
        venue: At the other end.
        clock: Of the machine at our end: says when a market event has arrived.
        draw: Numbers in [0, 1): whether what was sent together arrives together.
        hasty: Takes the ids of orders that are sent while nobody has asked for positions since the
            private stream was opened last: what it has missed is not known.
    """

    def __init__(
        self, venue: ReferenceVenue, clock: Clock, draw: Callable[[], float], hasty: list[str]
    ) -> None:
        self.venue = venue
        self._clock = clock
        self._draw = draw
        self.is_dead = False
        """Whether the power is off at our end."""
        self.hasty = hasty
        self.has_asked = False
        """Whether somebody has asked for positions since the private stream was opened last."""
        self._breaks = 0
        self._streams: dict[int, _Stream[object]] = {}
        self._opened = 0
        self._market = _LineMarket(self)
        self._execution = _LineExecution(self)

    @property
    def name(self) -> str:
        """The venue part of its instrument ids."""
        return self.venue.name

    @property
    def capabilities(self) -> Capabilities:
        """What the venue can do."""
        return self.venue.capabilities

    @property
    def market_data(self) -> "_LineMarket":
        """Its markets."""
        return self._market

    @property
    def execution(self) -> "_LineExecution":
        """The account."""
        return self._execution

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Line"]:
        """Give the venue over this line: nothing has to be asked for first."""
        yield self

    def stamped(self, event: MarketDataEvent) -> MarketDataEvent:
        """Return *event* with the time of our clock as that of its arrival, as adapters do."""
        if isinstance(event, _DATED):
            now_ns = self._clock.now_ns()
            if event.ts_recv != now_ns:
                return event._replace(ts_recv=now_ns)
        return event

    def cut(self) -> None:
        """End it for good."""
        self.is_dead = True
        self._end_streams()

    def go_down(self) -> None:
        """Break it: streams end with an error, requests fail and were not placed."""
        self._breaks += 1
        self._end_streams()

    def come_up(self) -> None:
        """Mend one break."""
        self._breaks -= 1

    def _end_streams(self) -> None:
        for stream in self._streams.values():
            stream.cancel()

    def check(self) -> None:
        """
        Let a request pass.

        Raises:
            VenueUnavailable: It is cut or broken; nothing was placed.
        """
        if self.is_dead or self._breaks:
            raise VenueUnavailable("the line is down", outcome=Outcome.NOT_PLACED)

    @asynccontextmanager
    async def streaming(
        self, inner: BufferedStream[_T], arrived: Callable[[_T], _T] = lambda e: e
    ) -> "AsyncIterator[_Stream[_T]]":
        """Give *inner* as a stream that ends with this line; *arrived* sees what comes."""
        self._opened += 1
        number, stream = self._opened, _Stream(inner, arrived, self._draw)
        self._streams[number] = stream  # type: ignore[assignment]  # only ever cancelled
        try:
            yield stream
        finally:
            del self._streams[number]


class _Stream(EndingStream[_T]):
    """A stream that may break while it is waited for; mostly, what is there is read in one go."""

    def __init__(
        self, inner: BufferedStream[_T], arrived: Callable[[_T], _T], draw: Callable[[], float]
    ) -> None:
        self._inner = inner
        self._arrived = arrived
        self._draw = draw
        self._is_broken = False

    def cancel(self) -> None:
        self._is_broken = True
        self._inner.wake()

    async def receive(self) -> _T:
        self._inner.ask()
        if self._draw() >= _OFTEN_TOGETHER:
            await anyio.lowlevel.checkpoint()
        while not self._is_broken:
            try:
                return self._arrived(self._inner.take())
            except anyio.WouldBlock:
                await self._inner.news()
        raise VenueUnavailable("the connection was lost", outcome=Outcome.NOT_PLACED)


class _LineMarket:
    """`MarketData` over a line."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._inner = line.venue.market_data

    async def instruments(self) -> Sequence[Instrument]:
        self._line.check()
        return await self._inner.instruments()

    @asynccontextmanager
    async def subscribe(
        self, instrument_ids: Sequence[InstrumentId]
    ) -> AsyncIterator[ReceiveStream[MarketDataEvent]]:
        self._line.check()
        async with (
            self._inner.subscribe(instrument_ids) as inner,
            self._line.streaming(inner, self._line.stamped) as stream,
        ):
            yield stream

    async def bars(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> Sequence[Bar]:
        self._line.check()
        return await self._inner.bars(instrument_id, interval_ns, start_ns, end_ns)

    async def market_hours(self, start_ns: int, end_ns: int) -> Sequence[MarketSession]:
        self._line.check()
        return await self._inner.market_hours(start_ns, end_ns)


class _LineExecution:
    """`Execution` over a line."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._inner = line.venue.execution

    async def submit(self, order: Order) -> None:
        self._line.check()
        if not self._line.has_asked:
            self._line.hasty.append(order.client_order_id)
        await self._inner.submit(order)

    async def cancel(self, client_order_id: str) -> None:
        self._line.check()
        await self._inner.cancel(client_order_id)

    async def cancel_all(self, client_order_ids: Sequence[str]) -> None:
        self._line.check()
        await self._inner.cancel_all(client_order_ids)

    async def order(self, client_order_id: str) -> OrderLookup:
        self._line.check()
        return await self._inner.order(client_order_id)

    async def open_orders(self) -> Sequence[Order]:
        self._line.check()
        return await self._inner.open_orders()

    async def positions(self) -> Mapping[InstrumentId, Quantity]:
        self._line.check()
        positions = await self._inner.positions()
        self._line.has_asked = True
        return positions

    async def balances(self) -> Sequence[Balance]:
        self._line.check()
        return await self._inner.balances()

    async def fills(self, since_ns: int) -> Sequence[Fill]:
        self._line.check()
        return await self._inner.fills(since_ns)

    async def fees(self, instrument_id: InstrumentId) -> FeeRates:
        self._line.check()
        return await self._inner.fees(instrument_id)

    @asynccontextmanager
    async def reports(self) -> AsyncIterator[ReceiveStream[ExecutionReport | AccountEvent]]:
        self._line.check()
        async with (
            self._inner.reports() as inner,
            self._line.streaming(inner) as stream,
        ):
            self._line.has_asked = False
            yield stream
