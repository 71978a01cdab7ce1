"""
Bars of a local exchange, of any length: those of its history, and those its trades make.

One minute is the shortest: longer bars are put together from minutes when somebody asks. A minute
without a trade has no bar, as at the venues.
"""

from bisect import bisect_left
from decimal import Decimal
from typing import Final, NamedTuple

from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar
from algopioneer_core.domain.money import Price, Quantity, add

__all__ = ["MINUTE_NS", "Candle", "CandleStore"]

MINUTE_NS: Final = 60 * NS_PER_SECOND
"""Length of the shortest bars."""


class Candle(NamedTuple):
    """One bar, stamped with its open."""

    start_ns: int
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Quantity

    def then(self, later: "Candle") -> "Candle":
        """Return the bar that this and a *later* one make together."""
        return Candle(
            self.start_ns,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            add(self.volume, later.volume),
        )


class CandleStore:
    """The bars of one instrument."""

    def __init__(self) -> None:
        self._candles: list[Candle] = []  # of a minute or longer, by start
        self._starts: list[int] = []

    def load(self, bar: Bar, interval_ns: int) -> None:
        """
        Add a bar of the past, which must come after all that are here.

        Raises:
            DataError: It does not, or is no whole number of minutes long.
        """
        if interval_ns % MINUTE_NS:
            raise DataError("bars of a local exchange are whole minutes", where=bar.instrument_id)
        start = bar.ts_event - interval_ns
        self._append(Candle(start, bar.open, bar.high, bar.low, bar.close, bar.volume))

    def add(self, ts_ns: int, price: Price, quantity: Quantity) -> None:
        """Add a trade to the running minute, or to a new one; one of an older minute is refused."""
        start = ts_ns - ts_ns % MINUTE_NS
        traded = Candle(start, price, price, price, price, quantity)
        if self._starts and start == self._starts[-1]:
            self._candles[-1] = self._candles[-1].then(traded)
        else:
            self._append(traded)

    def _append(self, candle: Candle) -> None:
        if self._starts and candle.start_ns <= self._starts[-1]:
            raise DataError(f"a bar at {candle.start_ns} ns comes too late")
        self._candles.append(candle)
        self._starts.append(candle.start_ns)

    def rows(self, interval_ns: int, start_ns: int, end_ns: int) -> list[Candle]:
        """Return the bars of a length that open in [start_ns, end_ns), oldest first."""
        start_ns, end_ns = (-(-time // interval_ns) * interval_ns for time in (start_ns, end_ns))
        first = bisect_left(self._starts, start_ns)
        rows: list[Candle] = []
        for candle in self._candles[first : bisect_left(self._starts, end_ns)]:
            start = candle.start_ns - candle.start_ns % interval_ns
            if rows and rows[-1].start_ns == start:
                rows[-1] = rows[-1].then(candle)
            elif start < end_ns:
                rows.append(candle._replace(start_ns=start))
        return rows

    def running(self, interval_ns: int) -> Candle | None:
        """Return the latest bar of a length, which may still change; None before the first."""
        if not self._starts:
            return None
        start = self._starts[-1] - self._starts[-1] % interval_ns
        return self.rows(interval_ns, start, start + interval_ns)[0]

    @property
    def last_price(self) -> Price | None:
        """The latest close; None before the first bar."""
        return self._candles[-1].close if self._candles else None

    def volume_since(self, start_ns: int) -> Decimal:
        """Return what was traded since a time."""
        total = Decimal(0)
        for candle in self._candles[bisect_left(self._starts, start_ns) :]:
            total = add(total, candle.volume)
        return total
