"""
The equity of a run, bar by bar, made from the few moments at which the holdings changed.

Between two fills the account is worth cash + size * close, so a run keeps (bar, cash, quantity) at
its fills and makes the equity of all bars at once, in float64, for statistics and charts. Both
engines make it here, by the same operations in the same order, so they get the same floats; the
exact equity of any bar can be made from the same holdings.
"""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import mul
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.equity_statistics import EquityStatistics
from algopioneer_core.simulation.sinks import Float64Array, Holding, ResultSink

__all__ = ["EquityTape", "equity_between_fills"]


def equity_between_fills(
    close: Float64Array,
    starts: Sequence[int],
    cash: Sequence[float],
    size: Sequence[float],
    *,
    inverse: bool = False,
) -> tuple[Float64Array, Float64Array]:
    """
    Return equity and signed size at each close.

    Args:
        close: Closes in quote currency.
        starts: Index from which each holding is valid, ascending; the first is 0. Of several at
            one index the last one counts.
        cash: Cash of each holding.
        size: Signed quantity times multiplier of each holding.
        inverse: Whether the contract is: then its worth is -size / close, in base.
    """
    lengths = np.diff(np.append(np.asarray(starts, np.int64), len(close)))
    sizes = np.repeat(np.asarray(size, np.float64), lengths)
    equity = -sizes / close if inverse else sizes * close
    equity += np.repeat(np.asarray(cash, np.float64), lengths)
    return equity, sizes


class EquityTape:
    """
    Collects the holdings of the event engine, chunk by chunk, and passes the bars on.

    Args:
        instrument: What is traded.
        statistics: Gets the equity of every bar.
        sinks: Get every chunk of bars and every round trip.
    """

    def __init__(
        self,
        instrument: Instrument,
        statistics: EquityStatistics,
        sinks: Sequence[ResultSink],
    ) -> None:
        self._multiplier = instrument.multiplier
        self._inverse = instrument.inverse
        self._statistics = statistics
        self._sinks = sinks
        self._holdings: list[Holding] = []

    def begin(self, cash: Decimal, quantity: Decimal) -> None:
        """Begin a chunk of bars, with what is held before its first bar."""
        self._holdings = [Holding(0, cash, (quantity,))]

    def hold(self, index: int, cash: Decimal, quantity: Decimal) -> None:
        """Note what is held from the close of the bar at *index* of this chunk on."""
        before, held_cash, (held_quantity,), _ = self._holdings[-1]
        if cash == held_cash and quantity == held_quantity:
            return  # an order was refused, cancelled or acknowledged
        if before == index:
            self._holdings.pop()
        self._holdings.append(Holding(index, cash, (quantity,)))

    def end(self, chunk: BarColumns) -> None:
        """Pass on the equity of *chunk*, whose holdings are now known."""
        holdings = self._holdings
        close = chunk.close_float()
        equity, sizes = equity_between_fills(
            close,
            [each.start for each in holdings],
            [float(each.cash) for each in holdings],
            [float(mul(each.quantities[0], self._multiplier)) for each in holdings],
            inverse=self._inverse,
        )
        self._statistics.add(chunk.ts_ns, equity, close, sizes != 0)
        joint = JointColumns((chunk,))
        for sink in self._sinks:
            sink.bars(joint, equity, holdings)

    def round_trip(self, trade: RoundTrip) -> None:
        """Pass on a finished round trip."""
        for sink in self._sinks:
            sink.round_trip(trade)
