"""Which market data is not fit to be shown to anybody, and why."""

import enum
from collections import Counter
from decimal import Decimal
from typing import Final

from attrs import frozen

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote, Trade

__all__ = ["InstrumentStatistics", "ShedReason", "Shedder"]

_AHEAD_NS: Final = 60 * NS_PER_SECOND
_FOR_EVER: Final = 1 << 63
_NIL: Final = Decimal(0)


class ShedReason(enum.Enum):
    """Why an event was shed."""

    TOO_OLD = "too_old"
    """It took longer to arrive than is allowed."""
    OUT_OF_ORDER = "out_of_order"
    """A newer one of its kind and instrument was seen before."""
    NOT_POSITIVE = "not_positive"
    """A price or a size that cannot be."""
    FROM_THE_FUTURE = "from_the_future"
    """Its time is ahead of ours by more than clocks differ; believed, it would shed all others."""
    CROSSED = "crossed"
    """A bid above its ask."""


@frozen
class InstrumentStatistics:
    """What came of one instrument."""

    quotes: int
    trades: int
    bars: int
    last_ns: int
    """Time of the latest event that was passed on, UTC nanoseconds; 0 before the first."""
    shed: int


class _Seen:
    """What came of one instrument: the latest time and the number of each kind."""

    __slots__ = ("bar_ns", "bars", "quote_ns", "quotes", "shed", "trade_ns", "trades")

    def __init__(self) -> None:
        self.quote_ns = self.trade_ns = self.bar_ns = 0
        self.quotes = self.trades = self.bars = self.shed = 0


class Shedder:
    """
    Looks at each quote, trade and bar once, before it is handed on.

    Args:
        max_age_ns: Oldest quote or trade that is passed on, by its way from venue to here; None
            for any age. Bars are never too old: they are history already.
    """

    def __init__(self, max_age_ns: int | None = None) -> None:
        self._max_age_ns = _FOR_EVER if max_age_ns is None else max_age_ns
        self._seen: dict[InstrumentId, _Seen] = {}
        self.shed: Counter[ShedReason] = Counter()
        """How much was shed, by reason."""

    def passes(self, event: Quote | Trade | Bar) -> bool:
        """Return whether *event* is to be handed on, and count it."""
        seen = self._seen.get(event.instrument_id)
        if seen is None:
            seen = self._seen[event.instrument_id] = _Seen()
        if type(event) is Quote:
            reason = self._look_at_quote(event, seen)
        elif type(event) is Bar:
            reason = _look_at_bar(event, seen)
        else:
            assert type(event) is Trade
            reason = self._look_at_trade(event, seen)
        if reason is None:
            return True
        self.shed[reason] += 1
        seen.shed += 1
        return False

    def _look_at_quote(self, quote: Quote, seen: _Seen) -> ShedReason | None:
        _, ts_ns, bid, ask, bid_size, ask_size, recv_ns = quote
        if ts_ns < seen.quote_ns:
            return ShedReason.OUT_OF_ORDER
        if not -_AHEAD_NS <= recv_ns - ts_ns <= self._max_age_ns:
            return _wrong_time(ts_ns, recv_ns)
        if not (_NIL < bid <= ask and bid_size >= _NIL and ask_size >= _NIL):
            crossed = bid > ask > _NIL and bid_size >= _NIL and ask_size >= _NIL
            return ShedReason.CROSSED if crossed else ShedReason.NOT_POSITIVE
        seen.quote_ns = ts_ns
        seen.quotes += 1
        return None

    def _look_at_trade(self, trade: Trade, seen: _Seen) -> ShedReason | None:
        if trade.ts_event < seen.trade_ns:
            return ShedReason.OUT_OF_ORDER
        if not -_AHEAD_NS <= trade.ts_recv - trade.ts_event <= self._max_age_ns:
            return _wrong_time(trade.ts_event, trade.ts_recv)
        if trade.price <= _NIL or trade.quantity <= _NIL:
            return ShedReason.NOT_POSITIVE
        seen.trade_ns = trade.ts_event
        seen.trades += 1
        return None

    def statistics(self, instrument_id: InstrumentId) -> InstrumentStatistics:
        """Return what came of one instrument so far."""
        seen = self._seen.get(instrument_id) or _Seen()
        last_ns = max(seen.quote_ns, seen.trade_ns, seen.bar_ns)
        return InstrumentStatistics(seen.quotes, seen.trades, seen.bars, last_ns, seen.shed)


def _look_at_bar(bar: Bar, seen: _Seen) -> ShedReason | None:
    if bar.low_ticks <= 0 or bar.high_ticks < bar.low_ticks:
        return ShedReason.NOT_POSITIVE
    if bar.ts_event <= seen.bar_ns:
        return ShedReason.OUT_OF_ORDER
    if bar.ts_event - bar.ts_recv > _AHEAD_NS:
        return ShedReason.FROM_THE_FUTURE
    seen.bar_ns = bar.ts_event
    seen.bars += 1
    return None


def _wrong_time(ts_ns: int, recv_ns: int) -> ShedReason:
    return ShedReason.FROM_THE_FUTURE if ts_ns > recv_ns else ShedReason.TOO_OLD
