"""
The market data router: every event to every strategy that wants it, none twice, nobody waited for.

It never awaits: an event is put into each inbox (quotes replace older quotes there, see `Inbox`)
and the owner's bell is rung. What is not fit to be seen is shed at the door, and counted.
"""

from collections.abc import Callable, Iterable

from algopioneer_core.domain.events import (
    FeedDown,
    FeedGap,
    FeedUp,
    InstrumentStatusChanged,
    MarketClosed,
    MarketOpened,
)
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.ports import MarketDataEvent
from algopioneer_core.runtime.inbox import Inbox
from algopioneer_core.runtime.shedding import Shedder

__all__ = ["Router"]

_Ring = Callable[[], None]


class Router:
    """
    Fans market data out.

    Args:
        shedder: Looks at each price first.
    """

    def __init__(self, shedder: Shedder | None = None) -> None:
        self.shedder = shedder or Shedder()
        self._readers: dict[InstrumentId, tuple[tuple[Inbox, _Ring], ...]] = {}
        self._by_venue: dict[str, tuple[tuple[Inbox, _Ring], ...]] = {}

    def subscribe(self, inbox: Inbox, instruments: Iterable[InstrumentId], ring: _Ring) -> None:
        """Put events of *instruments*, and of their venues, into *inbox* and ring."""
        for each in instruments:
            self._readers[each] = (*self._readers.get(each, ()), (inbox, ring))
            readers = self._by_venue.get(each.venue, ())
            if all(known is not inbox for known, _ in readers):
                self._by_venue[each.venue] = (*readers, (inbox, ring))

    def unsubscribe(self, inbox: Inbox) -> None:
        """Put nothing more into *inbox*."""
        for table in (self._readers, self._by_venue):
            for key, readers in tuple(table.items()):
                table[key] = tuple(each for each in readers if each[0] is not inbox)  # type: ignore[index]

    def publish(self, event: MarketDataEvent) -> None:
        """Hand *event* to whoever wants it."""
        if isinstance(event, Quote | Trade | Bar):
            if self.shedder.passes(event):
                self._put(self._readers.get(event.instrument_id, ()), event)
        elif isinstance(event, FeedUp | FeedDown | MarketOpened | MarketClosed):
            self._put(self._by_venue.get(event.venue, ()), event)
        else:
            assert isinstance(event, FeedGap | InstrumentStatusChanged)
            self._put(self._readers.get(event.instrument_id, ()), event)

    @staticmethod
    def _put(readers: tuple[tuple[Inbox, _Ring], ...], event: MarketDataEvent) -> None:
        for inbox, ring in readers:
            inbox.put(event)
            ring()
