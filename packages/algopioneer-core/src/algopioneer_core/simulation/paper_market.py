"""The markets of a paper venue: the shadowed venue's, held back until their fills are handled."""

from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable

from algopioneer_core.domain.events import ExecutionReport
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.ports import (
    MarketDataEvent,
    MarketSession,
    ReceiveStream,
    SupportsSnapshot,
    Venue,
)
from algopioneer_core.simulation.ending_stream import OneReaderStream
from algopioneer_core.simulation.paper_exchange import PaperExchange
from algopioneer_core.simulation.paper_fees import PaperFees
from algopioneer_core.simulation.report_hub import ReportHub

__all__ = ["PaperMarket", "PaperStream", "SupportsLookAhead"]

_Paired = tuple[MarketDataEvent, Mapping[str, object] | None]
"""An event, and the state of the shadowed venue once it is delivered."""


@runtime_checkable
class SupportsLookAhead(Protocol):
    """A market data stream that knows whether more comes of the same time: a replay's."""

    def has_more_at(self, ts_ns: int) -> bool:
        """Return whether the event that `receive` gives next happened at *ts_ns* too."""


class PaperMarket:
    """
    The market data of a paper venue.

    Args:
        shadow: The venue whose markets these are.
        exchange: What the events fill.
        hub: Who hears of the fills.
        fees: What fills cost.
    """

    def __init__(
        self, shadow: Venue, exchange: PaperExchange, hub: ReportHub, fees: PaperFees
    ) -> None:
        self._shadow = shadow
        self._market = shadow.market_data
        self.exchange = exchange
        self.hub = hub
        self._fees = fees
        self.shadow_state = self.state_of_shadow()
        """The shadowed venue's state after the latest event that was delivered."""
        self.undelivered: deque[_Paired] = deque()
        """What a stream that was closed had taken from the shadowed venue and not delivered."""

    async def instruments(self) -> Sequence[Instrument]:
        """Return what the account may trade, as the venue would let it."""
        await self._market.instruments()
        return tuple(self.exchange.instruments.values())

    @asynccontextmanager
    async def subscribe(
        self, instrument_ids: Sequence[InstrumentId]
    ) -> AsyncIterator[ReceiveStream[MarketDataEvent]]:
        """
        Open the shadowed venue's stream.

        An event that fills orders is delivered once all its reports have been taken and handled by
        whoever reads `reports`: read those in a task of its own.

        Raises:
            UnsupportedOperation: An instrument or a kind of data is not offered.
            VenueError: The venue does not say what trading there costs.
        """
        for each in instrument_ids:
            if each in self.exchange.instruments:
                await self._fees.ask(self.exchange.instruments[each])
        async with self._market.subscribe(instrument_ids) as events:
            stream = PaperStream(self, events)
            try:
                yield stream
            finally:
                self.undelivered = stream.undelivered()

    async def bars(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> Sequence[Bar]:
        """Return the shadowed venue's finished bars."""
        return await self._market.bars(instrument_id, interval_ns, start_ns, end_ns)

    async def market_hours(self, start_ns: int, end_ns: int) -> Sequence[MarketSession]:
        """Return the shadowed venue's sessions."""
        return await self._market.market_hours(start_ns, end_ns)

    def state_of_shadow(self) -> Mapping[str, object] | None:
        """Return the shadowed venue's state now; None where it has none to speak of."""
        return self._shadow.snapshot() if isinstance(self._shadow, SupportsSnapshot) else None


class PaperStream(OneReaderStream[MarketDataEvent]):
    """
    One subscription; made by `PaperMarket.subscribe`.

    Where the shadowed venue can look ahead, all events of one time are matched before the first
    of them is delivered: at equal times reports come first (SEMANTICS, order).
    """

    def __init__(self, market: PaperMarket, events: ReceiveStream[MarketDataEvent]) -> None:
        super().__init__()
        self._market = market
        self._events = events
        self._looks_ahead = isinstance(events, SupportsLookAhead)
        self._taken: deque[_Paired] = deque()
        self._matching: Iterator[ExecutionReport] | None = None
        self._matched, market.undelivered = market.undelivered, deque()

    async def _next(self) -> MarketDataEvent:
        await self._market.hub.settled()  # what was done since the last event comes before the next
        if not self._matched:
            await self._take()
            await self._match()
        event, self._market.shadow_state = self._matched.popleft()
        return event

    async def _take(self) -> None:
        """Take the next event, and all others of its time where that can be told."""
        while not self._taken or self._has_more_at(self._taken[-1][0].ts_event):
            event = await self._events.receive()
            self._taken.append((event, self._market.state_of_shadow()))

    def _has_more_at(self, ts_ns: int) -> bool:
        events = self._events
        return isinstance(events, SupportsLookAhead) and events.has_more_at(ts_ns)

    async def _match(self) -> None:
        """Report what the taken events do to the orders, each report handled before the next."""
        if self._matching is None:
            self._matching = self._market.exchange.match([event for event, _ in self._taken])
        for report in self._matching:
            self._market.hub.publish(report)
            await self._market.hub.settled()
        self._matching = None
        self._matched, self._taken = self._taken, deque()

    def undelivered(self) -> deque[_Paired]:
        """Return what was taken and not delivered, its fills booked; for whoever comes next."""
        for report in self._matching or ():
            self._market.hub.publish(report)
        if self._matching is None and self._taken:
            for report in self._market.exchange.match([event for event, _ in self._taken]):
                self._market.hub.publish(report)
        return self._matched + self._taken
