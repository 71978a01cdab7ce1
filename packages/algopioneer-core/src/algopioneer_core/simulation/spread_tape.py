"""
The equity of a run of several legs, made from the few moments at which the holdings changed.

Between two fills the account is worth cash + the sum of size * close over its legs (see
`valuation` for contracts that pay in coins). Both engines
make the equity of all bars here, by the same operations in the same order, so they get the same
floats; the exact equity of any bar can be made from the same holdings.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from algopioneer_core.domain.money import mul
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.equity_statistics import EquityStatistics
from algopioneer_core.simulation.sinks import Float64Array, Holding, ResultSink
from algopioneer_core.simulation.valuation import Held, Valuation

__all__ = ["Basket", "SpreadTape", "spread_equity"]


def spread_equity(
    closes: Sequence[Float64Array],
    starts: Sequence[int] | NDArray[np.int64],
    cash: Sequence[float] | Float64Array,
    sizes: Sequence[Sequence[float]] | Sequence[Float64Array],
    valuation: Valuation,
    coins: Sequence[float] = (),
) -> tuple[Float64Array, NDArray[np.bool_]]:
    """
    Return the equity at each close, and whether anything was held there.

    Args:
        closes: Closes of each leg, in quote currency.
        starts: Index from which each holding is valid, ascending; the first is 0. Of several at
            one index the last one counts.
        cash: Cash of each holding.
        sizes: For each leg, the signed quantity times multiplier of each holding.
        valuation: How these make equity.
        coins: Coins of each holding, where the valuation has any.
    """
    lengths = np.diff(np.append(np.asarray(starts, np.int64), len(closes[0])))
    equity = np.repeat(np.asarray(cash, np.float64), lengths)
    exposed = np.zeros(len(equity), np.bool_)
    earned = np.repeat(np.asarray(coins, np.float64), lengths) if valuation.coin else None
    legs = zip(closes, sizes, valuation.instruments, valuation.in_coins, strict=True)
    for close, size, instrument, in_coins in legs:
        worth = np.repeat(np.asarray(size, np.float64), lengths)
        exposed |= worth != 0
        if instrument.inverse:
            np.divide(np.negative(worth, out=worth), close, out=worth)
        else:
            worth *= close
        if in_coins and earned is not None:
            earned += worth
        else:
            equity += worth
    if earned is not None:
        equity += earned * closes[valuation.pricing]
    return equity, exposed


class Basket:
    """Equal amounts of every leg, bought at the first close: what the run is compared with."""

    def __init__(self) -> None:
        self._first: list[float] | None = None

    def worth(self, closes: Sequence[Float64Array]) -> Float64Array:
        """Return what the basket is worth at each close; the first bars begin the run."""
        if self._first is None:
            self._first = [float(close[0]) for close in closes]
        worth = np.zeros(len(closes[0]))
        for close, first in zip(closes, self._first, strict=True):
            worth += close / first
        return worth


class SpreadTape:
    """
    Collects the holdings of the event engine, chunk by chunk, and passes the joint bars on.

    Args:
        valuation: How the legs make equity.
        statistics: Gets the equity of every bar.
        sinks: Get every chunk of bars and every round trip of a leg.
    """

    def __init__(
        self,
        valuation: Valuation,
        statistics: EquityStatistics,
        sinks: Sequence[ResultSink],
    ) -> None:
        self._valuation = valuation
        self._statistics = statistics
        self._sinks = sinks
        self._basket = Basket()
        self._holdings: list[Holding] = []

    def begin(self, held: Held) -> None:
        """Begin a chunk of bars, with what is held before its first bar."""
        self._holdings = [Holding(0, *held)]

    def hold(self, index: int, held: Held) -> None:
        """Note what is held from the close of the bar at *index* of this chunk on."""
        before = self._holdings[-1]
        if before[1:] == held:
            return  # an order was refused, cancelled or acknowledged
        if before.start == index:
            self._holdings.pop()
        self._holdings.append(Holding(index, *held))

    def end(self, chunk: JointColumns) -> None:
        """Pass on the equity of *chunk*, whose holdings are now known."""
        holdings = self._holdings
        closes = [leg.close_float() for leg in chunk.legs]
        steady = closes[: len(chunk.steady())]
        equity, exposed = spread_equity(
            closes,
            [each.start for each in holdings],
            [float(each.cash) for each in holdings],
            [
                [float(mul(each.quantities[leg], instrument.multiplier)) for each in holdings]
                for leg, instrument in enumerate(self._valuation.instruments)
            ],
            self._valuation,
            [float(each.coins) for each in holdings],
        )
        self._statistics.add(chunk.ts_ns, equity, self._basket.worth(steady), exposed)
        for sink in self._sinks:
            sink.bars(chunk, equity, holdings)

    def round_trip(self, trade: RoundTrip) -> None:
        """Pass on a finished round trip of one leg."""
        for sink in self._sinks:
            sink.round_trip(trade)
