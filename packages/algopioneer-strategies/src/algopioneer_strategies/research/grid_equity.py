"""
From the trades of a grid's cells to their equity, all cells at once.

Every entry puts a share of the equity into both legs, half each, so a trade multiplies the equity
by a factor that does not depend on it. Money is a float and quantities are not rounded to a step
here: a grid compares; what is reported of the winner comes from the event engine.
"""

from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.config import FillTiming
from algopioneer_core.simulation.equity_statistics import NOISE
from algopioneer_strategies.research.grid_spec import GridMarket
from algopioneer_strategies.research.grid_trades import WAIT, GridTrades
from algopioneer_strategies.spread import TENS

__all__ = ["CellEquity", "PairPrices", "sharpe_of"]

_HALF: Final = 0.5
_Floats = NDArray[np.float64]


@frozen(eq=False)
class PairPrices:
    """Prices of both legs in quote currency, as floats."""

    fill_a: _Floats
    """Where market orders of each bar fill, without slippage."""
    fill_b: _Floats
    close_a: _Floats
    close_b: _Floats

    @classmethod
    def of(cls, joint: JointColumns, fill: FillTiming) -> "PairPrices":
        """Return the prices of *joint* bars of two legs."""
        first, second = joint.legs[:2]
        close_a, close_b = first.close_float(), second.close_float()
        if fill is FillTiming.NEXT_CLOSE:
            return cls(close_a, close_b, close_a, close_b)
        open_a, open_b = (leg.open / TENS[leg.price_decimals] for leg in (first, second))
        return cls(open_a, open_b, close_a, close_b)


@frozen(eq=False)
class _Factors:
    """What becomes of one unit of equity in each trade."""

    entered: _Floats
    """Cash after both entry fills."""
    per_a: _Floats
    """Signed quantity of a."""
    per_b: _Floats
    left: _Floats
    """Cash after both exit fills."""

    @classmethod
    def of(cls, trades: GridTrades, prices: PairPrices, market: GridMarket) -> "_Factors":
        signal, side = trades.signal, trades.side
        share = _HALF * float(market.position_size)
        per_a = side * share / prices.close_a[signal]
        per_b = -side * share / prices.close_b[signal]
        fill = signal + WAIT
        entered = 1.0 + _flow(per_a, prices.fill_a[fill], market)
        entered += _flow(per_b, prices.fill_b[fill], market)
        left = entered + _flow(-per_a, _exit(trades.out, prices.fill_a, prices.close_a), market)
        left += _flow(-per_b, _exit(trades.out, prices.fill_b, prices.close_b), market)
        return cls(entered, per_a, per_b, left)


def _flow(quantity: _Floats, price: _Floats, market: GridMarket) -> _Floats:
    """Return the cash that trading signed quantities brings, slippage and fee paid."""
    paid = quantity * price * (1.0 + np.copysign(float(market.slippage), quantity))
    return -paid - np.abs(paid) * float(market.fee)


def _exit(out: NDArray[np.intp], fill: _Floats, close: _Floats) -> _Floats:
    """Return the price at each exit; what is open at the end is closed at the last close."""
    bars = len(close)
    return np.where(out < bars, fill[np.minimum(out, bars - 1)], close[-1])


class CellEquity:
    """
    Makes the equity of cells, a few at a time, in memory of its own.

    The memory is small enough for the processor's cache and is used again for the next cells:
    touching fresh memory for each would take longer than the arithmetic.

    Args:
        prices: Of both legs.
        market: What fills cost.
        most: Cells that are asked for at once, at most.
    """

    def __init__(self, prices: PairPrices, market: GridMarket, most: int) -> None:
        self._prices, self._market = prices, market
        self._bars = len(prices.close_a)
        # One piece: malloc learns from the largest how much to keep, and gives back, page by page,
        # what several pieces of this size are made of.
        memory = np.empty((5, most, self._bars))
        self._stretch: NDArray[np.intp] = memory[0].view(np.intp)
        self._values: _Floats = memory[1:4]
        self._returns: _Floats = memory[4]

    def of(self, trades: GridTrades, cells: int) -> _Floats:
        """
        Return the equity of each cell (row) at each close (column), from 1 at the start.

        What is open at the last bar is closed at its close, with slippage and fee. A cell whose
        equity falls to zero has NaN from there on: it was ruined.

        Args:
            trades: Those of the cells, which count from 0.
            cells: How many there are.

        Returns:
            A view that is overwritten by the next call.
        """
        factors = _Factors.of(trades, self._prices, self._market)
        begins = _running_product(trades.cell, factors.left, cells)
        stretch = self._stretches(trades, cells)
        at = 2 * np.arange(len(trades)) + trades.cell + 1
        values = np.zeros((3, 2 * len(trades) + cells))
        values[0] = 1.0
        values[0, at], values[0, at + 1] = begins * factors.entered, begins * factors.left
        values[1, at], values[2, at] = begins * factors.per_a, begins * factors.per_b
        equity, held_a, held_b = self._values[:, :cells]
        for row, out in zip(values, (equity, held_a, held_b), strict=True):
            row.take(stretch, out=out, mode="clip")
        held_a *= self._prices.close_a
        held_b *= self._prices.close_b
        equity += held_a
        equity += held_b
        return _without_ruin(equity)

    def returns(self, equity: _Floats) -> _Floats:
        """
        Return the change of *equity* from close to close, a column less; NaN from a ruin on.

        Returns:
            A view that is overwritten by the next call.
        """
        rows, columns = len(equity), max(equity.shape[1] - 1, 0)
        found: _Floats = self._returns.reshape(-1)[: rows * columns].reshape(rows, columns)
        np.divide(equity[:, 1:], equity[:, :-1], out=found)
        found -= 1.0
        return found

    def _stretches(self, trades: GridTrades, cells: int) -> NDArray[np.intp]:
        """
        Return for each bar the number of its stretch.

        A cell is flat until its first fill, then held and flat in turn. Each stretch has one value,
        which is then taken for each bar: sums of integers are quick, those of floats are not.
        """
        stretch = self._stretch[:cells]
        stretch.fill(0)
        stretch[:, 0] = 1
        stretch[trades.cell, trades.signal + WAIT] += 1
        # In the bar of the fill, where that is the last one.
        stretch[trades.cell, np.minimum(trades.out, self._bars - 1)] += 1
        stretch[0, 0] = 0
        flat = stretch.reshape(-1)
        np.cumsum(flat, out=flat)
        return stretch


def _running_product(cell: NDArray[np.intp], factors: _Floats, cells: int) -> _Floats:
    """Return for each trade the product of the factors of its cell's trades before it."""
    counts = np.bincount(cell, minlength=cells)
    place = np.arange(len(cell)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.ones((cells, int(counts.max(initial=0)) + 1))
    table[cell, place + 1] = factors
    products: _Floats = np.multiply.accumulate(table, axis=1)[cell, place]
    return products


def _without_ruin(equity: _Floats) -> _Floats:
    if equity.min() > 0:
        return equity
    ruined = np.logical_or.accumulate(equity <= 0, axis=1)
    return np.where(ruined, np.nan, equity)


def sharpe_of(returns: _Floats) -> _Floats:
    """
    Return the Sharpe ratio per bar of each row: mean over deviation (ddof 1), not annualised.

    NaN where it is undefined: fewer than two returns, no deviation, or a ruin.
    """
    count = returns.shape[1]
    if count < 2:
        return np.full(len(returns), np.nan)
    mean = returns.mean(axis=1)
    squares = np.einsum("ij,ij->i", returns, returns)
    deviation = np.sqrt(np.maximum(squares - count * mean * mean, 0.0) / (count - 1))
    # A cell that never traded has none; sqrt(NOISE) is what the difference of squares leaves.
    known = deviation > np.maximum(NOISE, 1e-9 * np.sqrt(squares / count))
    ratios: _Floats = np.divide(mean, deviation, out=np.full(len(mean), np.nan), where=known)
    return ratios
