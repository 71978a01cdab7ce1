"""
A market for a local exchange: bars played as trades and quotes, in their time.

Nothing is known of what happened inside a bar, so four trades stand for it: open, low and high in
the order that a bar of its direction suggests, and close. Each is followed by the quote around it.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

import anyio

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote, Trade
from algopioneer_core.domain.money import ONE, Increment, Price, add, mul, sub
from algopioneer_core.simulation.sandbox import LocalExchange

__all__ = ["Ticks", "drive"]

_STEPS: Final = 4
"""Trades that stand for a bar."""
_QUARTER: Final = Decimal("0.25")
_BP: Final = Decimal("0.0001")
_SHOWN: Final = Decimal(10)
"""What each side shows, in units of the traded quantity, one at least."""


class Ticks:
    """
    Makes trades and quotes of bars.

    Args:
        instruments: What the bars are of, with the grids that prices are put on.
        interval_ns: Length of a bar.
    """

    def __init__(self, instruments: Iterable[Instrument], interval_ns: int) -> None:
        self._instruments = {each.id: each for each in instruments}
        self._interval_ns = interval_ns
        self._trades: dict[InstrumentId, int] = {}

    def of(self, bar: Bar) -> Iterator[tuple[Trade, Quote]]:
        """Yield four trades in a bar's time, each with the quote after it."""
        opened, step_ns = bar.ts_event - self._interval_ns, self._interval_ns // _STEPS
        extremes = (bar.low, bar.high) if bar.close >= bar.open else (bar.high, bar.low)
        for number, price in enumerate((bar.open, *extremes, bar.close)):
            yield self.at(bar.instrument_id, opened + number * step_ns, price, bar.volume)

    def at(
        self, instrument_id: InstrumentId, ts_ns: int, price: Price, volume: Decimal
    ) -> tuple[Trade, Quote]:
        """Return a trade of a quarter of *volume* at *price*, and the quote around it."""
        instrument = self._instruments[instrument_id]
        grid = instrument.price_increment or Increment(mul(price, _BP))
        tick = grid.step
        price = max(grid.floor(price), mul(tick, Decimal(2)))
        traded = instrument.whole_quantity(mul(volume, _QUARTER)) or (
            instrument.minimum_quantity or instrument.quantity_increment.step
        )
        number = self._trades[instrument_id] = self._trades.get(instrument_id, 0) + 1
        shown = mul(max(traded, ONE), _SHOWN)
        trade = Trade(instrument_id, ts_ns, price, traded, str(number), ts_ns)
        return trade, Quote(
            instrument_id, ts_ns, sub(price, tick), add(price, tick), shown, shown, ts_ns
        )


async def drive(
    exchange: LocalExchange, bars: Iterable[Bar], interval_ns: int, *, speed: float = 1.0
) -> None:
    """
    Play *bars* of any instruments, in order of time, until they end.

    They are played from now on, whatever their dates: the exchange's clock is that of its users.

    Args:
        exchange: What they happen at.
        bars: In order of their close; those of one time belong together.
        interval_ns: Length of a bar.
        speed: How many times as fast; at 60 a minute's bar takes a second.
    """
    ticks = Ticks(exchange.books.instruments.values(), interval_ns)
    step_s = interval_ns / _STEPS / NS_PER_SECOND / speed
    for group in _by_time(bars):
        for moments in zip(*(ticks.of(bar) for bar in group), strict=True):
            now_ns = exchange.clock.now_ns()
            for trade, quote in moments:
                exchange.push(
                    trade._replace(ts_event=now_ns, ts_recv=now_ns),
                    quote._replace(ts_event=now_ns, ts_recv=now_ns),
                )
            await anyio.sleep(step_s)


def _by_time(bars: Iterable[Bar]) -> Iterator[list[Bar]]:
    group: list[Bar] = []
    for bar in bars:
        if group and bar.ts_event != group[0].ts_event:
            yield group
            group = []
        group.append(bar)
    if group:
        yield group
