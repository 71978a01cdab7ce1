"""Which market data is not fit to be shown to anybody, and why."""

import enum
from collections import Counter
from typing import Final

from attrs import frozen

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote, Trade

__all__ = ["InstrumentStatistics", "ShedReason", "Shedder"]

_AHEAD_NS: Final = 60 * NS_PER_SECOND


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


class Shedder:
    """
    Looks at each quote, trade and bar once, before it is handed on.

    Args:
        max_age_ns: Oldest quote or trade that is passed on, by its way from venue to here; None
            for any age. Bars are never too old: they are history already.
    """

    def __init__(self, max_age_ns: int | None = None) -> None:
        self._max_age_ns = max_age_ns
        self._latest: dict[tuple[type, InstrumentId], int] = {}
        self._passed: Counter[tuple[type, InstrumentId]] = Counter()
        self._shed_of: Counter[InstrumentId] = Counter()
        self.shed: Counter[ShedReason] = Counter()
        """How much was shed, by reason."""

    def passes(self, event: Quote | Trade | Bar) -> bool:
        """Return whether *event* is to be handed on, and count it."""
        key = (type(event), event.instrument_id)
        reason = self._reason(event, key)
        if reason is not None:
            self.shed[reason] += 1
            self._shed_of[event.instrument_id] += 1
            return False
        self._latest[key] = event.ts_event
        self._passed[key] += 1
        return True

    def _reason(
        self, event: Quote | Trade | Bar, key: tuple[type, InstrumentId]
    ) -> ShedReason | None:
        if event.ts_event - event.ts_recv > _AHEAD_NS:
            return ShedReason.FROM_THE_FUTURE
        latest = self._latest.get(key, 0)
        if isinstance(event, Bar):
            if event.low_ticks <= 0 or event.high_ticks < event.low_ticks:
                return ShedReason.NOT_POSITIVE
            return ShedReason.OUT_OF_ORDER if event.ts_event <= latest else None
        if event.ts_event < latest:
            return ShedReason.OUT_OF_ORDER
        if self._max_age_ns is not None and event.ts_recv - event.ts_event > self._max_age_ns:
            return ShedReason.TOO_OLD
        if isinstance(event, Quote):
            return _problem_of_quote(event)
        return None if event.price > 0 and event.quantity > 0 else ShedReason.NOT_POSITIVE

    def statistics(self, instrument_id: InstrumentId) -> InstrumentStatistics:
        """Return what came of one instrument so far."""
        times = (self._latest.get((kind, instrument_id), 0) for kind in (Quote, Trade, Bar))
        return InstrumentStatistics(
            self._passed[Quote, instrument_id],
            self._passed[Trade, instrument_id],
            self._passed[Bar, instrument_id],
            max(times),
            self._shed_of[instrument_id],
        )


def _problem_of_quote(quote: Quote) -> ShedReason | None:
    if quote.bid <= 0 or quote.ask <= 0 or quote.bid_size < 0 or quote.ask_size < 0:
        return ShedReason.NOT_POSITIVE
    return ShedReason.CROSSED if quote.bid > quote.ask else None
