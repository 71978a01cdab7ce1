"""Where a running backtest sends what it makes, bar by bar and trade by trade."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from algopioneer_core.domain.money import ZERO, Money, Quantity
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.history.joined import JointColumns

__all__ = ["Float64Array", "Holding", "ResultSink"]

Float64Array: TypeAlias = NDArray[np.float64]


class Holding(NamedTuple):
    """What the account held from one bar of a chunk on; how it makes equity: `Valuation`."""

    start: int
    """Index of that bar."""
    cash: Money
    quantities: tuple[Quantity, ...]
    """Signed, of each instrument."""
    coins: Money = ZERO
    """See `Held`."""


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
            equity: Equity at each close, in the run's currency, as a float; same length.
            segments: Holdings by ascending index; the first has index 0. The exact equity of a
                bar follows from one and the closes, see `Valuation`.
        """
        ...

    def round_trip(self, trade: RoundTrip) -> None:
        """Take a trade of one instrument that has just been closed; a pair's legs come in turn."""
        ...
