"""The market data of the reference venue: its streams, its history and its trading hours."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel

from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.events import FeedDown, FeedUp, MarketClosed, MarketOpened
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.ports import Clock, MarketDataEvent, MarketSession
from algopioneer_core.simulation.buffered_stream import BufferedStream
from algopioneer_core.simulation.paper_exchange import PaperExchange

__all__ = ["ReferenceMarket"]


class ReferenceMarket:
    """
    The market data of a reference venue.

    Args:
        venue: Its name.
        books: The exchange whose instruments are shown.
        clock: Its time.
    """

    def __init__(self, venue: str, books: PaperExchange, clock: Clock) -> None:
        self._venue = venue
        self._books = books
        self._clock = clock
        self._feeds: list[tuple[frozenset[str], BufferedStream[MarketDataEvent]]] = []
        self._bars: list[Bar] = []
        self._outages = 0
        self._stalled = 0
        self._waiting: list[MarketDataEvent] = []
        self._silences = 0
        self._is_closed = False
        self._has_hours = False
        self._owes_hours = False

    async def instruments(self) -> Sequence[Instrument]:
        """Return what it trades."""
        await anyio.lowlevel.checkpoint()
        return tuple(self._books.instruments.values())

    @asynccontextmanager
    async def subscribe(
        self, instrument_ids: Sequence[InstrumentId]
    ) -> AsyncIterator[BufferedStream[MarketDataEvent]]:
        """
        Open a stream of everything that is pushed of these instruments.

        Raises:
            UnsupportedOperation: It does not trade one of them.
        """
        for each in instrument_ids:
            self._check(each)
        stream = BufferedStream[MarketDataEvent]()
        feed = frozenset(instrument_ids), stream
        self._feeds.append(feed)
        self._owes_hours = self._has_hours
        self._tell_hours()
        try:
            yield stream
        finally:
            self._feeds.remove(feed)
            stream.close()

    async def bars(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> Sequence[Bar]:
        """
        Return the bars that were pushed, those that close at whole intervals.

        Raises:
            UnsupportedOperation: It does not trade the instrument.
        """
        await anyio.lowlevel.checkpoint()
        self._check(instrument_id)
        return [
            bar
            for bar in self._bars
            if bar.instrument_id == instrument_id
            and start_ns <= bar.ts_event < end_ns
            and not bar.ts_event % interval_ns
        ]

    async def market_hours(self, start_ns: int, end_ns: int) -> Sequence[MarketSession]:
        """Return one session: it never closes."""
        await anyio.lowlevel.checkpoint()
        return [MarketSession(start_ns, end_ns)]

    def _check(self, instrument_id: InstrumentId) -> None:
        if instrument_id not in self._books.instruments:
            raise UnsupportedOperation("there is no such instrument", where=instrument_id)

    def show(self, event: MarketDataEvent) -> None:
        """Send *event* to whoever wants it, unless the line is down."""
        if isinstance(event, Bar):
            self._bars.append(event)
        if self._is_heard:
            self._send(event)

    def show_garbage(self, event: MarketDataEvent) -> None:
        """Send what never happened; the line permitting."""
        if self._is_heard:
            self._send(event)

    @property
    def _is_heard(self) -> bool:
        return not self._outages and not self._silences

    def _send(self, event: MarketDataEvent) -> None:
        if self._stalled:
            self._waiting.append(event)
            return
        about = getattr(event, "instrument_id", None)
        for wanted, feed in self._feeds:
            if about is None or about in wanted:
                feed.put(event)

    def go_down(self) -> None:
        """Break the line."""
        self._outages += 1
        if self._outages == 1:
            self._send(FeedDown(self._venue, self._clock.now_ns(), "connection lost"))

    def come_up(self) -> None:
        """Mend the line."""
        self._outages -= 1
        if not self._outages:
            self._send(FeedUp(self._venue, self._clock.now_ns()))
            self._owes_hours = self._has_hours
            self._tell_hours()

    def fall_silent(self) -> None:
        """Lose what is to be sent."""
        self._silences += 1

    def speak(self) -> None:
        """Be heard again; whether it is closed is told where that was lost."""
        self._silences -= 1
        self._tell_hours()

    def stall(self) -> None:
        """Let what is sent wait."""
        self._stalled += 1

    def flow(self) -> None:
        """Let it go on its way, all that waits at once."""
        self._stalled -= 1
        if not self._stalled:
            waiting, self._waiting = self._waiting, []
            for event in waiting:
                self._send(event)

    def say_closed(self) -> None:
        """Tell that trading hours have ended."""
        self._is_closed = self._has_hours = self._owes_hours = True
        self._tell_hours()

    def say_open(self) -> None:
        """Tell that trading hours have begun."""
        self._is_closed, self._owes_hours = False, True
        self._tell_hours()

    def _tell_hours(self) -> None:
        """Say whether it is open, where somebody does not know it and it can be heard."""
        if self._owes_hours and self._is_heard:
            self._owes_hours = False
            kind = MarketClosed if self._is_closed else MarketOpened
            self._send(kind(self._venue, self._clock.now_ns()))
