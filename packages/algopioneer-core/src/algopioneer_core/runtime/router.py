"""
The market data router: every event to every strategy that wants it, none twice, nobody waited for.

It never awaits: an event is put into each inbox (quotes replace older quotes there, see `Inbox`)
and the owner's bell is rung. What is not fit to be seen is shed at the door, and counted.
"""

from collections.abc import Callable, Iterable
from typing import Final

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
from algopioneer_core.runtime.inbox import Inbox, Slot
from algopioneer_core.runtime.shedding import Shedder

__all__ = ["Router"]

_Ring = Callable[[], None]
_Reader = tuple[Inbox, _Ring]
_PRICES: Final = frozenset((Quote, Trade, Bar))


class _Lane:
    """The readers of one instrument, and the quote they have not read yet."""

    __slots__ = ("readers", "slot")

    def __init__(self) -> None:
        self.readers: tuple[_Reader, ...] = ()
        self.slot: Slot | None = None


class Router:
    """
    Fans market data out.

    A reader is rung when its inbox was empty before: it takes all there is at a time. A quote that
    replaces one which no reader has read yet costs the same for a hundred readers as for one. Who
    subscribes later is told first what is wrong with its venues now.

    Args:
        shedder: Looks at each price first.
    """

    def __init__(self, shedder: Shedder | None = None) -> None:
        self.shedder = shedder or Shedder()
        self._lanes: dict[InstrumentId, _Lane] = {}
        self._by_venue: dict[str, tuple[_Reader, ...]] = {}
        self._troubles: dict[str, dict[type, MarketDataEvent]] = {}

    def subscribe(self, inbox: Inbox, instruments: Iterable[InstrumentId], ring: _Ring) -> None:
        """Put events of *instruments*, and of their venues, into *inbox* and ring."""
        for each in instruments:
            lane = self._lanes.setdefault(each, _Lane())
            lane.readers, lane.slot = (*lane.readers, (inbox, ring)), None
            readers = self._by_venue.get(each.venue, ())
            if all(known is not inbox for known, _ in readers):
                self._by_venue[each.venue] = (*readers, (inbox, ring))
                for trouble in self._troubles.get(each.venue, {}).values():
                    self._put(((inbox, ring),), trouble)

    def is_up(self, venue: str) -> bool:
        """Return whether a venue's line is not known to be lost."""
        return FeedDown not in self._troubles.get(venue, {})

    def unsubscribe(self, inbox: Inbox) -> None:
        """Put nothing more into *inbox*."""
        for lane in self._lanes.values():
            lane.readers, lane.slot = _without(lane.readers, inbox), None
        for venue, readers in self._by_venue.items():
            self._by_venue[venue] = _without(readers, inbox)

    def publish(self, event: MarketDataEvent) -> None:
        """Hand *event* to whoever wants it."""
        kind = type(event)
        if kind in _PRICES:
            if self.shedder.passes(event):  # type: ignore[arg-type]  # one of the three
                lane = self._lanes.get(event.instrument_id)  # type: ignore[union-attr]  # as above
                if lane is None:
                    return
                if kind is Quote:
                    self._put_quote(lane, event)  # type: ignore[arg-type]  # as above
                else:
                    self._put(lane.readers, event)
        elif isinstance(event, FeedUp | FeedDown | MarketOpened | MarketClosed):
            self._keep_trouble(event)
            self._put(self._by_venue.get(event.venue, ()), event)
        else:
            assert isinstance(event, FeedGap | InstrumentStatusChanged)
            lane = self._lanes.get(event.instrument_id)
            self._put(() if lane is None else lane.readers, event)

    def _keep_trouble(self, event: FeedUp | FeedDown | MarketOpened | MarketClosed) -> None:
        troubles = self._troubles.setdefault(event.venue, {})
        if isinstance(event, FeedDown | MarketClosed):
            troubles[type(event)] = event
        else:
            troubles.pop(FeedDown if isinstance(event, FeedUp) else MarketClosed, None)

    @staticmethod
    def _put_quote(lane: _Lane, quote: Quote) -> None:
        slot = lane.slot
        if slot is not None and slot.fresh:
            slot.quote = quote
            slot.replaced += 1
            return
        instrument_id = quote.instrument_id
        lane.slot = slot = Slot(quote)
        for inbox, ring in lane.readers:
            was_empty = not inbox.waiting
            inbox.put_slot(instrument_id, slot)
            if was_empty:
                ring()

    @staticmethod
    def _put(readers: tuple[_Reader, ...], event: MarketDataEvent) -> None:
        for inbox, ring in readers:
            was_empty = not inbox.waiting
            inbox.put(event)
            if was_empty:
                ring()


def _without(readers: tuple[_Reader, ...], inbox: Inbox) -> tuple[_Reader, ...]:
    return tuple(each for each in readers if each[0] is not inbox)
