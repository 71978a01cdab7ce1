"""
The same job by other libraries, for whoever has them installed; the project does not need them.

Their money is float, so they end near the exact cash and not on it: in a million bars a tie of two
averages comes out differently here and there. backtesting.py trades whole units only and is given
enough capital for that.
"""

from decimal import Decimal
from inspect import signature
from typing import Any

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
    """Trade with backtesting.py (any version from 0.3.3 on) as its own first example does."""
    from backtesting import Backtest  # type: ignore[import-not-found]  # rarely there

    options = {"cash": 1e9, "commission": float(FEE)}
    if "finalize_trades" in signature(Backtest).parameters:
        options["finalize_trades"] = True  # earlier versions close what is open without being told
    figures = Backtest(_frame(bars), _example(), **options).run()
    return Outcome(Decimal(str(figures["Equity Final [$]"])), int(figures["# Trades"]))


def _example() -> type:
    """Return the strategy that the library's first example shows, long only and of our size."""
    import pandas as pd
    from backtesting import Strategy
    from backtesting.lib import crossover  # type: ignore[import-not-found]  # rarely there

    def mean(values: Any, window: int) -> Any:
        return pd.Series(values).rolling(window).mean()

    class Crossover(Strategy):  # type: ignore[misc]  # the library has no types
        def init(self) -> None:
            self.short = self.I(mean, self.data.Close, SHORT)
            self.long = self.I(mean, self.data.Close, LONG)

        def next(self) -> None:
            if crossover(self.short, self.long):
                self.buy(size=float(SHARE))
            elif crossover(self.long, self.short):
                self.position.close()

    return Crossover


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
