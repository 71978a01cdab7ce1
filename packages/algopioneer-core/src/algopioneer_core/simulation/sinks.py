"""Where a running backtest sends what it makes, bar by bar and trade by trade."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.history.joined import JointColumns

__all__ = ["Float64Array", "Holding", "ResultSink"]

Float64Array: TypeAlias = NDArray[np.float64]
Holding: TypeAlias = tuple[int, Decimal, tuple[Decimal, ...]]
"""(index, cash, signed quantity of each instrument): what the account held from that bar of the
chunk on."""


class ResultSink(Protocol):
    """
    Takes the rows of a backtest while it runs, so that nobody has to keep them all.

    Both engines call it in the order of time; a round trip may arrive before or after the chunk
    of bars in which it ended. What a sink raises ends the run.
    """

    def bars(self, chunk: JointColumns, equity: Float64Array, segments: Sequence[Holding]) -> None:
        """
        Take the next bars and what the account was worth at each close.

        Args:
            chunk: The bars of each instrument, one leg where there is one; each bar is after the
                ones of the call before.
            equity: Equity at each close, in quote currency, as a float; same length.
            segments: Holdings by ascending index; the first has index 0. The exact equity of a
                bar is cash + the sum of quantity * multiplier * close over the instruments.
        """
        ...

    def round_trip(self, trade: RoundTrip) -> None:
        """Take a trade of one instrument that has just been closed; a pair's legs come in turn."""
        ...
