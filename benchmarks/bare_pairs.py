"""
The pairs rule by the shortest programs that do it: what a framework's speed is measured against.

Both trade the spread ln a - ln b (window 60, entry 2, exit 0.5) at the next open with 0.1 % fees
and a hundredth of the equity, keep money exact, and end with cash, the number of trades and a float
equity with its return, deviation and deepest fall. They have no orders, no positions, no books, and
know of no leg that is late.
"""

from bisect import bisect_left
from collections import deque
from decimal import Decimal, localcontext
from math import log

import numpy as np
from numpy.typing import NDArray

from algopioneer_core.history.columns import BarColumns
from benchmarks.bare import CAPITAL, DIGITS, FEE, SHARE, Outcome, metrics

__all__ = ["Legs", "event_loop", "numpy_signals"]

Legs = tuple[BarColumns, BarColumns]
WINDOW, UNIT = 60, float(1 << 40)


class _Account:
    """Cash in decimals, quantities in whole steps of 1e-8, and what was held from which bar."""

    def __init__(self, legs: Legs) -> None:
        self.closes, self.opens = [leg.close for leg in legs], [leg.open for leg in legs]
        self.ticks = [Decimal(1).scaleb(-leg.price_decimals) for leg in legs]
        self.cash = CAPITAL
        self.held = [Decimal(0), Decimal(0)]
        self.trades = 0
        self.starts, self.cashes, self.sizes = [0], [float(CAPITAL)], [(0.0, 0.0)]

    def enter(self, signal: int, direction: int) -> None:
        """Fill both legs at the open after *signal*, half of the amount each at its close."""
        half = self.cash * SHARE / 2
        for leg, sign in ((0, direction), (1, -direction)):
            unit = (int(self.closes[leg][signal]) * self.ticks[leg]).scaleb(-8)
            self._trade(leg, sign * (half // unit).scaleb(-8), int(self.opens[leg][signal + 1]))
        self._hold(signal + 1)

    def leave(self, bar: int, *, at_close: bool = False) -> None:
        """Close both legs at the open of *bar*, or its close."""
        for leg, prices in enumerate(self.closes if at_close else self.opens):
            self._trade(leg, -self.held[leg], int(prices[bar]))
        self.trades += 1
        self._hold(bar)

    def _trade(self, leg: int, quantity: Decimal, ticks: int) -> None:
        value = quantity * (ticks * self.ticks[leg])
        self.cash -= value + abs(value) * FEE
        self.held[leg] += quantity

    def _hold(self, bar: int) -> None:
        self.starts.append(bar)
        self.cashes.append(float(self.cash))
        self.sizes.append((float(self.held[0]), float(self.held[1])))

    def equity(self) -> NDArray[np.float64]:
        lengths = np.diff(np.append(self.starts, len(self.closes[0])))
        equity: NDArray[np.float64] = np.repeat(np.array(self.cashes), lengths)
        for leg, sizes in enumerate(np.array(self.sizes).T):
            equity += np.repeat(sizes, lengths) * (self.closes[leg] * float(self.ticks[leg]))
        return equity


def numpy_signals(legs: Legs) -> Outcome:
    """Trade with all signals found by numpy, and decimals at the fills only."""
    z = _scores(legs)
    account = _Account(legs)
    with localcontext() as context:
        context.prec = DIGITS
        _walk(account, z)
    metrics(account.equity())
    return Outcome(account.cash, account.trades)


def _scores(legs: Legs) -> NDArray[np.float64]:
    log_a, log_b = (np.log(leg.close / 10.0**leg.price_decimals) for leg in legs)
    spread = np.rint((log_a - log_b) * UNIT)
    spread -= spread[0]
    sums, squares = (np.append(0.0, np.cumsum(each)) for each in (spread, spread * spread))
    total = sums[WINDOW:] - sums[:-WINDOW]
    variance = WINDOW * (squares[WINDOW:] - squares[:-WINDOW]) - total * total
    z: NDArray[np.float64] = np.zeros(len(spread))
    z[WINDOW - 1 :] = (WINDOW * spread[WINDOW - 1 :] - total) / np.sqrt(variance)
    return z


def _walk(account: _Account, z: NDArray[np.float64]) -> None:
    last = len(z) - 1
    enter = np.flatnonzero(np.abs(z[:last]) > 2)
    signals, high = enter.tolist(), (z[enter] > 2).tolist()
    below, above = (np.append(np.flatnonzero(each), last) for each in (z < 0.5, z > -0.5))
    exits = np.where(
        high, below[np.searchsorted(below, enter + 1)], above[np.searchsorted(above, enter + 1)]
    ).tolist()
    place = 0
    while place < len(signals):
        account.enter(signals[place], -1 if high[place] else 1)
        leave = exits[place]
        account.leave(min(leave + 1, last), at_close=leave >= last)
        place = bisect_left(signals, leave + 1)


def event_loop(legs: Legs) -> Outcome:
    """Trade bar by bar, decided on integers, with decimals at the fills only."""
    account = _Account(legs)
    with localcontext() as context:
        context.prec = DIGITS
        _loop(account, legs)
    metrics(account.equity())
    return Outcome(account.cash, account.trades)


def _loop(account: _Account, legs: Legs) -> None:
    window: deque[int] = deque(maxlen=WINDOW)
    total = squares = held = wish = 0
    scale_a, scale_b = (10.0**leg.price_decimals for leg in legs)
    last = len(legs[0]) - 1
    for index, (a, b) in enumerate(zip(legs[0].bars(), legs[1].bars(), strict=True)):
        if wish:
            if held:
                account.leave(index)
            else:
                account.enter(index - 1, wish)
            held, wish = (0 if held else wish), 0
        spread = round((log(a.close_ticks / scale_a) - log(b.close_ticks / scale_b)) * UNIT)
        if len(window) == WINDOW:
            old = window[0]
            total -= old
            squares -= old * old
        window.append(spread)
        total += spread
        squares += spread * spread
        if WINDOW - 1 <= index < last:
            far = WINDOW * spread - total
            wish = _decide(far, WINDOW * squares - total * total, held)
    if held:
        account.leave(last, at_close=True)


def _decide(far: int, variance: int, held: int) -> int:
    """Return 1 to buy the spread, -1 to sell it, 0 for nothing; z = far / sqrt(variance)."""
    if not held:
        return 0 if far * far <= 4 * variance else (-1 if far > 0 else 1)
    towards = far * held  # negative while it has not come back to its mean
    return -held if towards > 0 or 4 * far * far < variance else 0
