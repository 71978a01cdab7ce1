"""
The same job by the shortest programs that do it: what a framework's speed is measured against.

Both trade the crossover 5/20 at the next open with 0.1 % fees and a hundredth of the equity, keep
money exact, and end with cash, the number of trades and a float equity with its return, deviation
and deepest fall. They have no orders, no positions, no books, and can do nothing else.
"""

from collections import deque
from decimal import Decimal, localcontext
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algopioneer_core.domain.market_data import Bar
from algopioneer_core.history.columns import BarColumns

__all__ = [
    "CAPITAL",
    "DIGITS",
    "FEE",
    "LONG",
    "SHARE",
    "SHORT",
    "Outcome",
    "event_loop",
    "metrics",
    "numpy_signals",
]

SHORT, LONG = 5, 20
CAPITAL, SHARE, FEE = Decimal(10_000), Decimal("0.01"), Decimal("0.001")
DIGITS = 60  # what the core allows a sum of money


class Outcome(NamedTuple):
    """What all programs must agree on."""

    cash: Decimal
    trades: int


class _Account:
    """Cash in decimals, the quantity in whole steps of 1e-8, and what was held from which bar."""

    def __init__(self, decimals: int) -> None:
        self.tick = Decimal(1).scaleb(-decimals)
        self.cash = CAPITAL
        self.quantity = Decimal(0)
        self.trades = 0
        self.starts, self.cashes, self.sizes = [0], [float(CAPITAL)], [0.0]

    def buy(self, bar: int, ticks: int, amount: Decimal) -> None:
        price = ticks * self.tick
        units = amount // (price * (1 + FEE)).scaleb(-8)
        self.quantity = units.scaleb(-8)
        value = self.quantity * price
        self.cash -= value + value * FEE
        self._hold(bar)

    def sell(self, bar: int, ticks: int) -> None:
        value = self.quantity * (ticks * self.tick)
        self.cash += value - value * FEE
        self.quantity = Decimal(0)
        self.trades += 1
        self._hold(bar)

    def _hold(self, bar: int) -> None:
        self.starts.append(bar)
        self.cashes.append(float(self.cash))
        self.sizes.append(float(self.quantity))

    def equity(self, close: NDArray[np.int64]) -> NDArray[np.float64]:
        lengths = np.diff(np.append(self.starts, len(close)))
        cash, sizes = np.array(self.cashes), np.array(self.sizes)
        worth = np.repeat(sizes, lengths) * (close * float(self.tick))
        equity: NDArray[np.float64] = worth + np.repeat(cash, lengths)
        return equity


def metrics(equity: NDArray[np.float64]) -> tuple[float, float]:
    """Return the Sharpe ratio of a bar and the deepest fall: so that this work is done at all."""
    returns = np.diff(equity) / equity[:-1]
    peak = np.maximum.accumulate(equity)
    return float(returns.mean() / returns.std()), float(((peak - equity) / peak).max())


def numpy_signals(bars: BarColumns) -> Outcome:
    """Trade *bars* with all signals found by numpy, and decimals at the fills only."""
    close = bars.close
    sums = np.concatenate((np.zeros(1, np.int64), np.cumsum(close)))
    short = sums[LONG:] - sums[LONG - SHORT : -SHORT]
    gap = short * LONG - (sums[LONG:] - sums[:-LONG]) * SHORT
    above, below = gap > 0, gap < 0
    enter = np.flatnonzero(above[1:] & ~above[:-1]) + LONG
    leave = np.flatnonzero(below[1:]) + LONG
    # Of several entries that would leave at the same bar the first one trades.
    exits, first = np.unique(
        np.append(leave, len(close))[np.searchsorted(leave, enter)], return_index=True
    )
    account = _Account(bars.price_decimals)
    with localcontext() as context:
        context.prec = DIGITS
        _walk(account, enter[first].tolist(), exits.tolist(), bars)
    metrics(account.equity(close))
    return Outcome(account.cash, account.trades)


def _walk(account: _Account, enter: list[int], leave: list[int], bars: BarColumns) -> None:
    last = len(bars) - 1
    opens = bars.open.tolist()
    for signal, exit_signal in zip(enter, leave, strict=True):
        if signal >= last:
            break
        account.buy(signal + 1, opens[signal + 1], account.cash * SHARE)
        if exit_signal < last:
            account.sell(exit_signal + 1, opens[exit_signal + 1])
    if account.quantity:
        account.sell(last, int(bars.close[last]))


def event_loop(bars: BarColumns) -> Outcome:
    """Trade *bars* one after the other, decided on integers, with decimals at the fills only."""
    account = _Account(bars.price_decimals)
    with localcontext() as context:
        context.prec = DIGITS
        _loop(account, bars)
    metrics(account.equity(bars.close))
    return Outcome(account.cash, account.trades)


def _loop(account: _Account, bars: BarColumns) -> None:
    window: deque[int] = deque([0] * LONG, LONG)
    short_sum = long_sum = before = 0
    wish, held, last = 0, False, len(bars) - 1
    for index, bar in enumerate(bars.bars()):
        if wish:
            _trade(account, index, bar, wish)
            held, wish = wish > 0, 0
        close = bar.close_ticks
        long_sum += close - window[0]
        short_sum += close - window[-SHORT]
        window.append(close)
        gap = short_sum * LONG - long_sum * SHORT
        if LONG <= index < last:
            if gap > 0 >= before and not held:
                wish = 1
            elif gap < 0 and held:
                wish = -1
        before = gap
    if account.quantity:
        account.sell(last, int(bars.close[last]))


def _trade(account: _Account, index: int, bar: Bar, wish: int) -> None:
    if wish > 0:
        account.buy(index, bar.open_ticks, account.cash * SHARE)
    else:
        account.sell(index, bar.open_ticks)
