"""
Bars from trades or quotes, for venues that do not push the interval a strategy needs.

An interval is half-open: it begins with its first nanosecond and the next one's first is not in it
any more. Intervals are counted from 1970-01-01T00:00:00Z, so that everybody's five minutes are the
same. One without a trade or quote has no bar, as at the venues (a strategy on joint bars passes
such a time over); nothing is made up for it.

A bar is finished when something of a later interval is seen, or when its time is over by the clock
(`close_until`), which is why the builder does not wait and does not know the time itself.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.domain.money import ZERO, Price, Quantity, add, canonical, scaled

__all__ = ["BarBuilder"]


class BarBuilder:
    """
    Builds the bars of one instrument.

    From trades: prices of trades and their volume. From quotes: their middles, volume 0. What is
    older than the last bar that was given out comes too late and is counted.

    Args:
        instrument_id: What the bars are of; anything of another instrument is refused.
        interval_ns: Length of a bar, nanoseconds.

    Raises:
        ConfigError: The interval is not positive.
    """

    def __init__(self, instrument_id: InstrumentId, interval_ns: int) -> None:
        if interval_ns <= 0:
            raise ConfigError(
                f"the length of a bar must be positive, not {interval_ns} ns", where=instrument_id
            )
        self._id = instrument_id
        self._interval_ns = interval_ns
        self._closed_ns = 0  # end of the last interval that can get no more
        self._close_ns = 0  # end of the one being built; 0 when there is none
        self._prices: list[Price] = []  # open, high, low, close
        self._volume: Quantity = ZERO
        self._recv_ns = 0
        self.late = 0
        """Trades and quotes that came after their bar, and are in none."""

    def add(self, event: Trade | Quote) -> Bar | None:
        """
        Take in *event*; return the bar that it shows to be finished, if any.

        Raises:
            ConfigError: It is of another instrument.
        """
        if event.instrument_id != self._id:
            raise ConfigError(f"it is not of {self._id}", where=event.instrument_id)
        if event.ts_event < self._closed_ns or event.ts_event < self._close_ns - self._interval_ns:
            self.late += 1
            return None
        finished = self.close_until(event.ts_event)
        self._close_ns = event.ts_event - event.ts_event % self._interval_ns + self._interval_ns
        self._recv_ns = max(self._recv_ns, event.ts_recv)
        if isinstance(event, Trade):
            self._take(event.price, event.quantity)
        else:
            self._take(event.mid, ZERO)
        return finished

    def _take(self, price: Price, quantity: Quantity) -> None:
        self._volume = add(self._volume, quantity)
        if not self._prices:
            self._prices = [price] * 4
            return
        first, high, low, _ = self._prices
        self._prices = [first, max(high, price), min(low, price), price]

    def close_until(self, now_ns: int) -> Bar | None:
        """Return the bar being built if its interval is over at *now_ns*; nothing gets in later."""
        over_ns = now_ns - now_ns % self._interval_ns
        self._closed_ns = max(self._closed_ns, over_ns)
        if not self._prices or self._close_ns > now_ns:
            return None
        bar = self._bar(max(self._recv_ns, self._close_ns))
        self._prices, self._volume, self._recv_ns = [], ZERO, 0
        return bar

    def snapshot(self) -> dict[str, object]:
        """Return the bar being built and what is closed, as JSON values and decimals."""
        return {
            "closed_ns": self._closed_ns,
            "close_ns": self._close_ns,
            "prices": list(self._prices),
            "volume": self._volume,
            "recv_ns": self._recv_ns,
            "late": self.late,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described."""
        self._closed_ns, self._close_ns = state["closed_ns"], state["close_ns"]
        self._prices, self._volume = list(state["prices"]), state["volume"]
        self._recv_ns, self.late = state["recv_ns"], state["late"]

    def _bar(self, ts_recv: int) -> Bar:
        decimals = max(_decimals(price) for price in self._prices)
        volume_decimals = _decimals(self._volume)
        first, high, low, last = (scaled(price, decimals) for price in self._prices)
        return Bar(
            self._id,
            self._close_ns,
            first,
            high,
            low,
            last,
            scaled(self._volume, volume_decimals),
            decimals,
            volume_decimals,
            ts_recv,
        )


def _decimals(value: Decimal) -> int:
    exponent = canonical(value).as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent
