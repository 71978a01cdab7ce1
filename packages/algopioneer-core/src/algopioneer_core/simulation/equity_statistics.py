"""
Figures of the equity curve, in one pass and constant memory.

Both engines feed the same accumulator. Floating-point sums depend on how they are grouped, so the
accumulator groups them itself: by `CHUNK_BARS` bars counted from the first one, however the bars
are handed over. Equal bars therefore give bit-equal figures.

A return is the change of equity from one bar's close to the next; n bars have n - 1 returns. The
risk-free rate and the target return are 0. Where a figure names no source, it is defined as in
Bacon, *Practical Portfolio Performance Measurement and Attribution*, 2nd edition, 2008. A deviation
below `NOISE` is what rounding leaves of none at all, and counts as none.
"""

import math
from fractions import Fraction
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.domain.money import Money
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.columns import CHUNK_BARS
from algopioneer_core.simulation.annualisation import (
    bars_per_year,
    compound_growth_pct,
    years_between,
)
from algopioneer_core.simulation.drawdown import Drawdown, DrawdownTracker
from algopioneer_core.simulation.moments import ReturnMoments

__all__ = ["NOISE", "EquityFigures", "EquityStatistics"]

NOISE: Final = 2.0**-50
"""Deviation of returns that float64 rounding alone can cause."""


@frozen(kw_only=True)
class EquityFigures:
    """How the equity went; None where a figure is undefined."""

    return_pct: float
    """Final capital over initial capital, less one, in per cent; from exact money."""
    buy_and_hold_return_pct: float
    """Last close over first close, less one, in per cent: one purchase, without any cost."""
    cagr_pct: float | None
    """Compound annual growth rate in per cent: (final / initial) ** (1 / years) - 1, years of
    365.25 days from the first close to the last. None when nothing is left, when no time has
    passed, or past the range of a float."""
    volatility_pct: float | None
    """Deviation of the returns (ddof 1) in per cent, times the root of the bars per year; None
    with fewer than two returns."""
    sharpe_ratio: float | None
    """Mean return over its deviation (ddof 1), times the root of the bars per year (Sharpe, *The
    Sharpe Ratio*, Journal of Portfolio Management, 1994; risk-free rate 0). None with fewer than
    two returns, or without deviation."""
    sortino_ratio: float | None
    """Mean return over its downside deviation, times the root of the bars per year (Sortino and
    Price, *Performance Measurement in a Downside Risk Framework*, 1994; target 0). Downside
    deviation is the root of the mean of min(return, 0) squared over *all* returns. None with fewer
    than two returns, or without a loss."""
    calmar_ratio: float | None
    """CAGR over maximum drawdown (Young, *Calmar Ratio: A Smoother Tool*, Futures, 1991, over the
    whole run instead of 36 months). None without CAGR or without a drawdown."""
    drawdown: Drawdown
    exposure_pct: float
    """Bars at whose close a position was held, in per cent of all bars."""
    bars_per_year: float | None
    """What annualised the figures above: returns over years, or the calendar's number."""

    def as_dict(self) -> dict[str, object]:
        """Return the equity keys of `results.json`."""
        return {
            "return_pct": self.return_pct,
            "buy_and_hold_return_pct": self.buy_and_hold_return_pct,
            "cagr_pct": self.cagr_pct,
            "volatility_pct": self.volatility_pct,
            "sharpe_ratio": self.sharpe_ratio,
            "sortino_ratio": self.sortino_ratio,
            "calmar_ratio": self.calmar_ratio,
            **_drawdown_dict(self.drawdown),
            "exposure_pct": self.exposure_pct,
            "bars_per_year": self.bars_per_year,
        }


def _drawdown_dict(drawdown: Drawdown) -> dict[str, object]:
    def time(ts_ns: int | None) -> str | None:
        return None if ts_ns is None else iso_utc(ts_ns)

    return {
        "max_drawdown_pct": drawdown.depth_pct,
        "max_drawdown_peak": time(drawdown.peak_ns),
        "max_drawdown_trough": time(drawdown.trough_ns),
        "max_drawdown_recovery": time(drawdown.recovery_ns),
        "max_drawdown_seconds": drawdown.duration_s,
    }


class EquityStatistics:
    """
    Takes equity bar by bar and ends in `EquityFigures`.

    Args:
        initial_capital: Cash at the start, positive; the first bar's equity is measured by it.
        calendar_bars_per_year: An exchange calendar's number of bars in a year; None counts them.
    """

    def __init__(
        self, *, initial_capital: Money, calendar_bars_per_year: float | None = None
    ) -> None:
        self._initial = initial_capital
        self._calendar = calendar_bars_per_year
        self._waiting: list[_Rows] = []
        self._waiting_bars = 0
        self._bars = 0
        self._exposed = 0
        self._first: tuple[int, float] | None = None
        self._last = (0, math.nan)
        self._returns = ReturnMoments()
        self._drawdown = DrawdownTracker()

    def add(
        self,
        ts_ns: NDArray[np.int64],
        equity: NDArray[np.float64],
        close: NDArray[np.float64],
        exposed: NDArray[np.bool_],
    ) -> None:
        """
        Take the next bars; arrays of one length, any length.

        Args:
            ts_ns: Close times, UTC nanoseconds, ascending.
            equity: Equity at each close; at the last bar of the run, the final capital.
            close: Close prices, positive. Only the first and the last are looked at: these two do.
            exposed: Whether a position was held at the close.
        """
        rows = (ts_ns, equity, exposed)
        start, length = 0, len(ts_ns)
        if length:
            if self._first is None:
                self._first = (int(ts_ns[0]), float(close[0]))
            self._last = (int(ts_ns[-1]), float(close[-1]))
        while start < length:
            stop = min(start + CHUNK_BARS - self._waiting_bars, length)
            self._waiting.append(_rows_between(rows, start, stop))
            self._waiting_bars += stop - start
            if self._waiting_bars == CHUNK_BARS:
                self._take_waiting()
            start = stop

    def finish(self, final_capital: Money) -> EquityFigures:
        """
        Return the figures of all bars so far; nothing may be added afterwards.

        Args:
            final_capital: Cash after liquidation, exact.

        Raises:
            ValueError: There was no bar.
        """
        self._take_waiting()
        if self._first is None:
            raise ValueError("a run without bars has no figures")
        (first_ns, first_close), (last_ns, last_close) = self._first, self._last
        growth = Fraction(final_capital) / Fraction(self._initial)
        cagr = compound_growth_pct(float(growth), years_between(first_ns, last_ns))
        drawdown = self._drawdown.finish(last_ns)
        yearly = self._calendar
        if yearly is None:
            yearly = bars_per_year(self._bars - 1, first_ns, last_ns)
        spread, sharpe, sortino = _risk(self._returns, yearly)
        return EquityFigures(
            return_pct=float((growth - 1) * 100),
            buy_and_hold_return_pct=(last_close / first_close - 1) * 100,
            cagr_pct=cagr,
            volatility_pct=None if spread is None else spread * 100,
            sharpe_ratio=sharpe,
            sortino_ratio=sortino,
            calmar_ratio=_calmar(cagr, drawdown),
            drawdown=drawdown,
            exposure_pct=100 * self._exposed / self._bars,
            bars_per_year=yearly,
        )

    def _take_waiting(self) -> None:
        """Work through what has been collected: one whole chunk, or the end of the run."""
        if not self._waiting:
            return
        ts_ns, equity, exposed = _joined(self._waiting)
        self._waiting, self._waiting_bars = [], 0
        self._bars += len(ts_ns)
        self._exposed += int(np.count_nonzero(exposed))
        self._returns.add(equity)
        self._drawdown.add(ts_ns, equity)


_Rows = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]


def _rows_between(rows: _Rows, start: int, stop: int) -> _Rows:
    """Return the rows from *start* to *stop*; copies unless they are a whole chunk."""
    part = slice(start, stop)
    ts_ns, equity, exposed = rows
    if stop - start < CHUNK_BARS:  # they wait, and the caller may reuse its arrays meanwhile
        return ts_ns[part].copy(), equity[part].copy(), exposed[part].copy()
    return ts_ns[part], equity[part], exposed[part]


def _joined(parts: list[_Rows]) -> _Rows:
    if len(parts) == 1:
        return parts[0]
    ts_ns, equity, exposed = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return ts_ns, equity, exposed


def _risk(
    returns: ReturnMoments, yearly: float | None
) -> tuple[float | None, float | None, float | None]:
    """Return volatility as a fraction, Sharpe ratio and Sortino ratio, each annualised."""
    deviation, downside = returns.deviation, returns.downside
    if yearly is None or deviation is None or downside is None:
        return None, None, None
    root = math.sqrt(yearly)
    sharpe = returns.mean / deviation * root if deviation > NOISE else None
    sortino = returns.mean / downside * root if downside > NOISE else None
    return deviation * root, sharpe, sortino


def _calmar(cagr_pct: float | None, drawdown: Drawdown) -> float | None:
    if cagr_pct is None or not drawdown.depth_pct:
        return None
    ratio = cagr_pct / drawdown.depth_pct
    return ratio if math.isfinite(ratio) else None
