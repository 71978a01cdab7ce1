"""
The same job by other libraries, for whoever has them installed; the project does not need them.

Their money is float, so they end near the exact cash and not on it. backtesting.py trades whole
units only and is given enough capital for that.
"""

from decimal import Decimal
from typing import Any

import numpy as np

from algopioneer_core.history.columns import BarColumns
from benchmarks.bare import CAPITAL, FEE, LONG, SHARE, SHORT, Outcome

__all__ = ["backtesting_py", "vectorbt"]


def _frame(bars: BarColumns) -> Any:
    import pandas as pd  # type: ignore[import-untyped]  # rarely there

    scale = 10.0**bars.price_decimals
    prices = {
        name.title(): getattr(bars, name) / scale for name in ("open", "high", "low", "close")
    }
    return pd.DataFrame(prices, index=pd.to_datetime(bars.ts_ns)).assign(Volume=1.0)


def backtesting_py(bars: BarColumns) -> Outcome:
    """Trade with backtesting.py, at the next open."""
    from backtesting import Backtest, Strategy  # type: ignore[import-not-found]  # rarely there

    class Crossover(Strategy):  # type: ignore[misc]  # the library has no types
        def init(self) -> None:
            close = self.data.Close
            self.short = self.I(_mean, close, SHORT)
            self.long = self.I(_mean, close, LONG)

        def next(self) -> None:
            short, long = self.short, self.long
            if not self.position and short[-2] <= long[-2] and short[-1] > long[-1]:
                self.buy(size=float(SHARE))
            elif self.position and short[-1] < long[-1]:
                self.position.close()

    run = Backtest(_frame(bars), Crossover, cash=1e9, commission=float(FEE), finalize_trades=True)
    figures = run.run()
    return Outcome(Decimal(str(figures["Equity Final [$]"])), int(figures["# Trades"]))


def vectorbt(bars: BarColumns, engine: str) -> Outcome:
    """Trade with vectorbt, at the next open, in floats; *engine* is `numba` or `rust`."""
    import vectorbt as vbt  # type: ignore[import-not-found]  # rarely there

    vbt.settings["engine"] = engine
    frame = _frame(bars)
    short, long = (frame.Close.rolling(window).mean() for window in (SHORT, LONG))
    entries = (short > long) & (short.shift() <= long.shift())
    portfolio = vbt.Portfolio.from_signals(
        frame.Close,
        entries.shift(fill_value=False),
        (short < long).shift(fill_value=False),
        price=frame.Open,
        fees=float(FEE),
        size=float(SHARE),
        size_type="percent",
        init_cash=float(CAPITAL),
        freq="1min",
    )
    portfolio.sharpe_ratio()
    portfolio.max_drawdown()
    return Outcome(Decimal(str(portfolio.final_value())), int(portfolio.trades.count()))


def _mean(values: Any, window: int) -> Any:
    sums = np.cumsum(np.insert(np.asarray(values), 0, 0.0))
    return np.concatenate((np.full(window - 1, np.nan), (sums[window:] - sums[:-window]) / window))
