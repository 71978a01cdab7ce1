"""The lines and marks of a report, collected while the run goes on, in constant memory."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.reports.decimation import MAX_STRETCHES, MinMaxLine, Sampled
from algopioneer_core.simulation.sinks import Float64Array, Holding
from algopioneer_core.simulation.spread_tape import Basket

__all__ = ["MAX_TRADES_SHOWN", "ChartSeries"]

MAX_TRADES_SHOWN: Final = 300
"""Round trips marked in the price chart at most; of more, every second, fourth... is."""


class ChartSeries:
    """
    A result sink that keeps what `report.html` draws: no more than some thousand points.

    Args:
        stretches: Stretches kept of each line (see `MinMaxLine`).
        trades: Round trips kept to be marked.
    """

    def __init__(self, *, stretches: int = MAX_STRETCHES, trades: int = MAX_TRADES_SHOWN) -> None:
        self.equity = MinMaxLine(stretches=stretches)
        """Equity at each close, in quote currency."""
        self.close = MinMaxLine(stretches=stretches)
        """Close prices, in quote currency; of several instruments, the worth of equal amounts of
        each at the first close."""
        self.drawdown = MinMaxLine(stretches=stretches)
        """Per cent below the highest equity so far; 0 or negative."""
        self.trades: Sampled[RoundTrip] = Sampled(limit=trades)
        """Round trips to mark."""
        self._basket = Basket()
        self._peak = -math.inf

    def bars(
        self,
        chunk: JointColumns,
        equity: Float64Array,
        segments: Sequence[Holding],  # noqa: ARG002  # every sink gets the exact holdings
    ) -> None:
        """Take the next bars."""
        if not len(equity):
            return
        peaks = np.maximum(np.maximum.accumulate(equity), self._peak)
        self._peak = float(peaks[-1])
        self.equity.add(chunk.ts_ns, equity)
        closes = [leg.close_float() for leg in chunk.steady()]
        self.close.add(chunk.ts_ns, closes[0] if len(closes) == 1 else self._basket.worth(closes))
        self.drawdown.add(chunk.ts_ns, (equity / peaks - 1.0) * 100.0)

    def round_trip(self, trade: RoundTrip) -> None:
        """Take a trade to mark."""
        self.trades.add(trade)
